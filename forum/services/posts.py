"""Topics and posts: writing, editing, deleting.

Rows that are there are locked in this order: lane, request, topic, post, limits; and changed
last: the counters of the topic, then those of its subforum. That keeps writers from waiting
in a circle. Asking alone goes on from the topic: it inserts a lane and a request, and such an
insert waits for others that insert the same, never for a row that is locked here.
"""

import uuid
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.http import int_to_base36
from django.utils.text import slugify

from accounts.models import User
from core import markup
from core.errors import NotAllowed
from forum.errors import (
    ChangedMeanwhile,
    ParentElsewhere,
    PostDeleted,
    TextEmpty,
    TopicLocked,
)
from forum.models import (
    MAX_DEPTH,
    PATH_DIGITS,
    NoticeKind,
    Post,
    PostRevision,
    Subforum,
    Topic,
)
from forum.services import asks, notices
from forum.services.images import Attachment, is_changed, set_images
from personas.models import PersonaVersion


def create_topic(
    *,
    subforum: Subforum,
    author: User,
    title: str,
    body: str,
    images: Sequence[Attachment] = (),
    token: uuid.UUID | None = None,
) -> Topic:
    """Open a topic with its first post, which has these `images`.

    `token` names one showing of the form: the same text sent twice with it gives the
    topic that is already there. Raises TextEmpty, TooMuchMarkup or TooManyImages, having
    written nothing.
    """
    title = _checked(markup.one_line(title))
    body = _checked(markup.clean_text(body))
    html = markup.render_whole(body)
    submission = _submission(token, subforum.pk, title, body)
    try:
        with transaction.atomic():
            topic = Topic.objects.create(
                subforum=subforum,
                author=author,
                title=title,
                slug=slugify(title)[:60].strip("-") or "topic",
                last_post_at=timezone.now(),
            )
            insert_post(
                topic=topic,
                parent=None,
                author=author,
                body=body,
                html=html,
                images=images,
                submission=submission,
            )
            Subforum.objects.filter(pk=subforum.pk).update(
                topics_count=F("topics_count") + 1
            )
            topic.refresh_from_db()
            return topic
    except IntegrityError:
        earlier = Post.objects.sent_before(author=author, submission=submission)
        if earlier is None:
            raise
        return earlier.topic


def find_sent(
    *,
    to: Subforum | Post,
    author: User,
    body: str,
    token: uuid.UUID | None,
    title: str = "",
) -> Post | None:
    """The post that this sending of a form has made already; None: none.

    For a form that comes twice when the pictures kept for it are the post's by now. `to`:
    the subforum of a new topic, which has a `title`, or the post that is answered.
    """
    texts = [markup.one_line(title), markup.clean_text(body)]
    sent = [_checked(it) for it in texts if it]
    submission = _submission(token, to.pk, *sent)
    return Post.objects.sent_before(author=author, submission=submission)


def reply(
    *,
    parent: Post,
    author: User,
    body: str,
    topic: Topic | None = None,
    images: Sequence[Attachment] = (),
    token: uuid.UUID | None = None,
) -> Post:
    """Write a post under `parent`; with `images` and `token` as in `create_topic`.

    `topic` is where the author believes `parent` to be. Raises TopicLocked, PostDeleted,
    ParentElsewhere, TextEmpty, TooMuchMarkup or TooManyImages, having written nothing.
    """
    if topic is not None and topic.pk != parent.topic_id:
        raise ParentElsewhere
    body = _checked(markup.clean_text(body))
    html = markup.render_whole(body)
    submission = _submission(token, parent.pk, body)
    with transaction.atomic():
        locked = Topic.objects.hold(parent.topic_id)
        parent.refresh_from_db(fields=["deleted_at"])
        if refusal := parent.why_not_answered(locked):
            raise refusal
        earlier = Post.objects.sent_before(author=author, submission=submission)
        if earlier is not None:
            return earlier
        return insert_post(
            topic=locked,
            parent=parent,
            author=author,
            body=body,
            html=html,
            images=images,
            submission=submission,
        )


def insert_post(
    *,
    topic: Topic,
    parent: Post | None,
    author: User | None = None,
    persona_version: PersonaVersion | None = None,
    body: str,
    html: str,
    images: Sequence[Attachment] = (),
    submission: uuid.UUID | None = None,
) -> Post:
    """Put a post by a member or by a persona's version into the tree; raise counters last.

    Runs inside the caller's transaction, who has checked every right. `topic` is as read
    under the lock that the caller holds on it. `html` is what `markup.render` made of
    `body`. Raises ParentElsewhere or TooManyImages.
    """
    if parent is not None and parent.topic_id != topic.pk:
        raise ParentElsewhere
    topic.last_number += 1
    number = topic.last_number
    post = Post.objects.create(
        topic=topic,
        number=number,
        path=_path(number, parent),
        parent_number=parent.number if parent else None,
        author=author,
        persona_version=persona_version,
        body=body,
        html=html,
        render_version=markup.RENDER_VERSION,
        submission=submission,
    )
    set_images(post=post, chosen=images)
    Topic.objects.filter(pk=topic.pk).update(
        last_number=number,
        posts_count=F("posts_count") + 1,
        last_post=post,
        last_post_at=post.created_at,
    )
    Subforum.objects.filter(pk=topic.subforum_id).update(
        posts_count=F("posts_count") + 1, last_topic=topic
    )
    return post


def edit_post(
    *,
    post: Post,
    editor: User,
    body: str,
    images: Sequence[Attachment] | None = None,
    edits: int | None = None,
) -> Post:
    """Replace the text of `post`, and its pictures unless `images` is None.

    The old text stays as a revision; pictures that are taken out are gone. `edits` is how
    often the post had been changed when its editor began; None: it does not matter.
    Returns the post. Raises NotAllowed, TopicLocked, PostDeleted, TextEmpty, TooMuchMarkup,
    ChangedMeanwhile, TooManyImages or ImageGone, having written nothing. The same again
    changes nothing.
    """
    body = _checked(markup.clean_text(body))
    html = markup.render_whole(body)
    with transaction.atomic():
        _lock_open_topic(post.topic_id, open_to=editor)
        held = Post.objects.select_for_update(no_key=True).get(pk=post.pk)
        if held.deleted_at:
            raise PostDeleted
        if not held.is_editable_by(editor):
            raise NotAllowed
        has_other_images = images is not None and is_changed(held, images)
        if held.body == body and not has_other_images:
            return held
        if edits not in (None, held.revisions.count()):
            raise ChangedMeanwhile
        PostRevision.objects.create(post=held, body=held.body, replaced_by=editor)
        held.body, held.html = body, html
        held.render_version = markup.RENDER_VERSION
        held.edited_at = timezone.now()
        held.save(update_fields=["body", "html", "render_version", "edited_at"])
        if images is not None and has_other_images:
            set_images(post=held, chosen=images)
        return held


@transaction.atomic
def delete_post(*, post: Post, actor: User) -> Post:
    """Take text, pictures and revisions of `post` away; its place in the tree stays.

    What was asked of it and is not answered yet is cancelled. Deleting twice is
    deleting once. Raises NotAllowed, having written nothing.
    """
    if not post.is_deletable_by(actor):
        raise NotAllowed
    # Before the topic: requests are locked first everywhere. An ask that slips in
    # between finds the post gone when its turn comes.
    unanswered = asks.hold_open_on(post)
    topic = Topic.objects.hold(post.topic_id)
    held = Post.objects.select_for_update(no_key=True).get(pk=post.pk)
    asks.cancel(held=unanswered, reason="The post was deleted.")
    if not held.deleted_at:
        _empty(held)
        _lower_counters(topic)
    notices.notify_all(unanswered, NoticeKind.CANCELLED, but=actor)
    return held


def _empty(post: Post) -> None:
    """Take the text and the pictures away wherever they are kept."""
    asks.erase(post)
    set_images(post=post, chosen=[])
    post.revisions.all().delete()
    post.body = post.html = ""
    post.deleted_at = timezone.now()
    post.save(update_fields=["body", "html", "deleted_at"])


def rerender_posts(*, batch: int = 200) -> int:
    """Bring posts of an older RENDER_VERSION up to date; return how many there were."""
    old, done, last = Post.objects.rendered_before(markup.RENDER_VERSION), 0, 0
    while posts := list(old.filter(pk__gt=last)[:batch]):
        last = posts[-1].pk
        for post in posts:
            # Guarded by the body, so that an edit made meanwhile is not undone.
            Post.objects.filter(pk=post.pk, body=post.body).update(
                html=markup.render(post.body) if post.body else "",
                render_version=markup.RENDER_VERSION,
            )
        done += len(posts)
    return done


def _lower_counters(topic: Topic) -> None:
    last = topic.posts.not_deleted().order_by("-number").first()
    Topic.objects.filter(pk=topic.pk).update(
        posts_count=F("posts_count") - 1,
        last_post=last,
        last_post_at=last.created_at if last else topic.created_at,
    )
    # Held before it is read what the newest topic is: a post elsewhere in the subforum
    # that is being written now is either seen or names itself afterwards.
    subforum = Subforum.objects.filter(pk=topic.subforum_id)
    subforum.select_for_update(no_key=True).get()
    subforum.update(
        posts_count=F("posts_count") - 1,
        last_topic=Topic.objects.latest_in(topic.subforum_id),
    )


def _lock_open_topic(topic_id: int, *, open_to: User) -> Topic:
    """The topic, held; staff in `open_to` may go on although it is locked to others."""
    topic = Topic.objects.hold(topic_id)
    if topic.is_locked and not open_to.is_staff:
        raise TopicLocked
    return topic


def _path(number: int, parent: Post | None) -> str:
    own = int_to_base36(number).rjust(PATH_DIGITS, "0")
    if parent is None:
        return own
    above = parent.path if parent.depth < MAX_DEPTH else parent.path[:-PATH_DIGITS]
    return above + own


def _checked(text: str) -> str:
    if markup.is_blank(text):
        raise TextEmpty
    return text.strip("\n").rstrip()


def _submission(token: uuid.UUID | None, *sent: object) -> uuid.UUID | None:
    """One value for the same text sent from the same form, another for another text."""
    if token is None:
        return None
    return uuid.uuid5(token, "\n".join(str(part) for part in sent))
