"""What a model is shown of a topic, for a reply and for a preview of one."""

from django.db.models import prefetch_related_objects

from forum.models import PATH_DIGITS, PICTURE, Post, PostImage, Topic
from llmqueue.errors import Refused
from llmqueue.handlers import Conversation, Illustration, Passage


def hold_target(target: Post) -> None:
    """Lock the topic of `target` until the prompt is stored, and read its text anew.

    A post edited or deleted in between would stay in the prompt as it was. Raises Refused
    when it is deleted.
    """
    Topic.objects.hold_words(target.topic_id)
    target.refresh_from_db(fields=["body", "deleted_at", "images_count"])
    if target.deleted_at is not None:
        raise Refused("gone", "The post was deleted.")


def conversation_at(target: Post, *, most_passages: int) -> Conversation:
    """The post to answer, its ancestors from the nearest, then the newest others.

    The opening post comes beside the `most_passages`, however far away it is. `target`
    has its author, topic and subforum joined.
    """
    topic = target.topic
    earlier = (
        Post.objects.filter(topic=topic, number__lt=target.number, deleted_at=None)
        .with_authors()
        .order_by("-number")
    )
    numbers = ancestor_numbers(target)
    above = earlier.filter(number__in=numbers, number__gt=1)[:most_passages]
    lineage = [*above, *earlier.filter(number=1)]
    room = max(0, most_passages - len(lineage))
    shown = [*lineage, *earlier.exclude(number__in=[1, *numbers])[:room]]
    illustrated = [it for it in (target, *shown) if it.images_count]
    prefetch_related_objects(illustrated, "images")
    return Conversation(
        place=f"You are in the subforum {topic.subforum.name}.",
        title=topic.title,
        target=_passage(target),
        opening=1 if target.number > 1 else None,
        passages=[_passage(post) for post in shown],
    )


def ancestor_numbers(post: Post) -> list[int]:
    """The numbers of the posts above `post` in its tree, from its path and parent."""
    steps = range(0, len(post.path) - PATH_DIGITS, PATH_DIGITS)
    numbers = {int(post.path[at : at + PATH_DIGITS], 36) for at in steps}
    if post.parent_number is not None:
        numbers.add(post.parent_number)
    return sorted(numbers)


def _attribution(post: Post) -> str:
    """A name no member can choose to be: a handle, or a persona marked as one."""
    if post.author is not None:
        return f"@{post.author.handle.name}"
    return f"{post.author_name} (AI persona)"


def _passage(post: Post) -> Passage:
    by_persona = post.persona_version_id is not None
    pictures = post.images.all() if post.images_count else ()
    return Passage(
        number=post.number,
        author=_attribution(post),
        text=post.body,
        source_key=str(post.pk),
        persona_id=post.persona_version.persona_id if by_persona else None,  # type: ignore[union-attr]
        pictures=[_illustration(it) for it in pictures],
    )


def _illustration(image: PostImage) -> Illustration:
    return Illustration(
        file=image.file,
        alt=image.alt,
        width=image.width,
        height=image.height,
        source=(PICTURE, str(image.pk)),
    )
