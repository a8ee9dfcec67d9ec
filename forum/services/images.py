"""Pictures of posts: attached to one, changed with it, taken away with it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.db import transaction

from core import images, markup
from forum.errors import ImageGone, TooManyImages
from forum.models import MOST_ALT_CHARS, PICTURE, Post, PostImage
from llmqueue import services as queue


@dataclass(frozen=True)
class Attachment:
    """A picture for a post: a new one, or the row of one that the post has already.

    `kept`: under which name `core.images` kept a new one while its post was written;
    blank if it did not.
    """

    alt: str = ""
    picture: images.Picture | None = None
    image: PostImage | None = None
    kept: str = ""


def set_images(*, post: Post, chosen: Sequence[Attachment]) -> None:
    """Give `post` these pictures, in this order, and no others.

    Runs inside the caller's transaction, who holds the post. What goes is gone for good:
    its file on commit, and what the queue keeps of it at once. New files are removed by
    `clean_pictures` if the transaction rolls back. Raises TooManyImages or ImageGone.
    """
    if len(chosen) > settings.MAX_POST_IMAGES:
        raise TooManyImages
    if not chosen and not post.images_count:
        return
    staying = {it.image.pk for it in chosen if it.image is not None}
    if staying - set(post.images.values_list("pk", flat=True)):
        raise ImageGone
    _remove(post, but=staying)
    for position, it in enumerate(chosen):
        _put(post, position, it)
        if it.kept and post.author_id is not None:
            forget = partial(images.forget_kept, it.kept, owner=post.author_id)
            transaction.on_commit(forget)
    if post.images_count != len(chosen):
        post.images_count = len(chosen)
        post.save(update_fields=["images_count"])


def _put(post: Post, position: int, chosen: Attachment) -> None:
    alt = clean_alt(chosen.alt)
    if chosen.image is not None:
        rows = PostImage.objects.filter(pk=chosen.image.pk)
        rows.update(position=position, alt=alt)
    elif chosen.picture is not None:
        PostImage.objects.create(
            post=post,
            position=position,
            file=images.store_picture(chosen.picture.data),
            alt=alt,
            width=chosen.picture.width,
            height=chosen.picture.height,
        )


def _remove(post: Post, *, but: Collection[int]) -> None:
    rows = post.images.exclude(pk__in=but)
    for pk, file in rows.values_list("pk", "file"):
        queue.erase(source=(PICTURE, str(pk)))
        transaction.on_commit(partial(images.remove_picture, file))
    rows.delete()


def is_changed(post: Post, chosen: Sequence[Attachment]) -> bool:
    """Whether `post` has other pictures than these, or other words for them."""
    present = [(it.pk, it.alt) for it in post.images.all()]
    wanted = [(it.image.pk if it.image else None, clean_alt(it.alt)) for it in chosen]
    return present != wanted


def clean_alt(alt: str) -> str:
    """A description as it is stored: one line of what can be seen."""
    return markup.one_line(alt)[:MOST_ALT_CHARS].rstrip()


def clean_pictures() -> int:
    """Remove files of pictures that no post has, a day after they were stored; how many.

    They are left where a post was not sent, or a process ended at the wrong moment.
    """
    old = images.old_pictures()  # before the rows: what is stored after this is not old
    used = set(PostImage.objects.filter(file__in=old).values_list("file", flat=True))
    unused = [name for name in old if name not in used]
    for name in unused:
        images.remove_picture(name)
    return len(unused) + images.remove_old_kept()
