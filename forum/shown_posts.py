"""Posts as one reader's page shows them: with rights, open asks and receipts."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from forum import ask_states, paging
from forum.ask_states import AskState
from forum.models import Ask, Post
from llmqueue.receipt_views import ReceiptView, receipt_view

# Asks without a reply that are shown under one post; open ones first, then the newest.
MOST_ASKS = 5


@dataclass(frozen=True)
class ShownPost:
    """A post and what its reader may do with it.

    `asks`: those without a reply, oldest first. `receipt`: of a persona's post, else
    None. `shows_parent`: it does not follow the post it answers.
    """

    post: Post
    can_edit: bool
    can_delete: bool
    can_see_history: bool
    shows_parent: bool
    asks: Sequence[AskState]
    receipt: ReceiptView | None


def show(
    posts: list[Post], viewer: object, *, previous: int | None = None
) -> list[ShownPost]:
    """`posts` of one page in tree order, in two queries.

    `previous` is the number of the post before the first of them, if that is shown.
    """
    asks, receipts_by_post = _asks_and_receipts(posts, viewer)
    shown = []
    for post in posts:
        shown.append(
            _show(post, viewer, previous, asks[post.pk], receipts_by_post.get(post.pk))
        )
        previous = post.number
    return shown


def show_one(post: Post, viewer: object) -> ShownPost:
    """`post` as it will look at its place in the page."""
    [shown] = show([post], viewer, previous=paging.number_before(post))
    return shown


def _show(
    post: Post,
    viewer: object,
    previous: int | None,
    asks: list[AskState],
    receipt: ReceiptView | None,
) -> ShownPost:
    is_staff = getattr(viewer, "is_staff", False)
    is_there = post.deleted_at is None
    is_author = post.is_editable_by(viewer)
    return ShownPost(
        post=post,
        can_edit=is_there and is_author and (is_staff or not post.topic.is_locked),
        can_delete=is_there and post.is_deletable_by(viewer),
        can_see_history=is_staff or is_author,
        shows_parent=post.parent_number not in (None, previous),
        asks=asks,
        receipt=receipt,
    )


def _asks_and_receipts(
    posts: list[Post], viewer: object
) -> tuple[defaultdict[int, list[AskState]], dict[int, ReceiptView]]:
    """What is asked of `posts`, and the receipts of replies, by the post's id."""
    replied = Ask.objects.filter(reply__in=posts).with_request()
    unanswered = Ask.objects.visible_to(viewer).filter(post__in=posts, reply=None)
    waiting = unanswered.newest(MOST_ASKS).with_request().order_by("pk")
    found = [*replied, *waiting]
    posts_by_id = {post.pk: post for post in posts}
    asks: defaultdict[int, list[AskState]] = defaultdict(list)
    written: dict[int, ReceiptView] = {}
    for ask in found:
        if ask.reply_id is None:
            ask.post = posts_by_id[ask.post_id]
            asks[ask.post_id].append(ask_states.state_in_list(ask, viewer))
        elif ask.request.last_attempt is not None:
            written[ask.reply_id] = receipt_view(ask.request, ask.request.last_attempt)
    return asks, written
