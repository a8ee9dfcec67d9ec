"""Posts as one reader's page shows them: with rights, open asks and receipts."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import prefetch_related_objects

from accounts.access import member_of
from forum import ask_states, paging
from forum.ask_states import AskState
from forum.models import Ask, Post
from llmqueue.hours import OpeningHours
from llmqueue.pages.known_names import KnownNames
from llmqueue.pages.receipt_views import ReceiptView, receipt_view
from personas.models import Persona

# Asks without a reply that are shown under one post; open ones first, then the newest.
MOST_ASKS = 5


@dataclass(frozen=True)
class ShownPost:
    """A post and what its reader may do with it.

    `asks`: those without a reply, oldest first. `receipt`: of a persona's post, else
    None. `version_url`: the page of the version that wrote it, empty if its reader may
    not open that. `shows_parent`: it does not follow the post it answers. `is_muted`: its
    reader muted the persona. `has_terms`: its reader may set what it is to them.
    """

    post: Post
    can_edit: bool
    can_delete: bool
    can_see_history: bool
    shows_parent: bool
    asks: Sequence[AskState]
    receipt: ReceiptView | None
    version_url: str
    is_muted: bool
    has_terms: bool


class _Terms(NamedTuple):
    """What the persona that wrote a post is to the reader."""

    is_open: bool
    is_usable: bool
    is_muted: bool


_NO_TERMS = _Terms(is_open=False, is_usable=False, is_muted=False)


def show(
    posts: list[Post], viewer: object, *, previous: int | None = None
) -> list[ShownPost]:
    """`posts` of one page in tree order, in three queries; four when an ask may not be named.

    And one for their pictures, where there are any, and for the opening hours, where an
    ask waits.

    `previous` is the number of the post before the first of them, if that is shown.
    """
    prefetch_related_objects([it for it in posts if it.images_count], "images")
    found = _asks_of(posts, viewer)
    terms = _terms(posts, found, viewer)
    asks, receipts_by_post = _asks_and_receipts(posts, found, terms, viewer)
    shown = []
    for post in posts:
        receipt = receipts_by_post.get(post.pk)
        term = terms.get(_persona_id(post), _NO_TERMS)
        shown.append(_show(post, viewer, previous, asks[post.pk], receipt, term))
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
    terms: _Terms,
) -> ShownPost:
    version = post.persona_version
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
        version_url=version.get_absolute_url() if version and terms.is_open else "",
        is_muted=terms.is_muted,
        has_terms=terms.is_usable,
    )


def _persona_id(post: Post) -> int | None:
    version = post.persona_version
    return version.persona_id if version else None


def _terms(
    posts: list[Post], asks: list[Ask], viewer: object
) -> dict[int | None, _Terms]:
    """What those who wrote `posts` or will answer them are to the viewer, by their id.

    One query for a member; to a guest a persona is what it is to everybody.
    """
    writers = [it.persona_version.persona for it in posts if it.persona_version]
    if member_of(viewer) is None:
        return {
            it.pk: _Terms(it.is_open_to_all, is_usable=False, is_muted=False)
            for it in writers
        }
    answering = (_answering(ask) for ask in asks)
    wanted = {it.pk for it in writers} | {it for it in answering if it is not None}
    if not wanted:
        return {}
    personas = Persona.objects.filter(pk__in=wanted)
    return {pk: _Terms(*terms) for pk, terms in personas.terms_of(viewer).items()}


def _answering(ask: Ask) -> int | None:
    """The persona whose words may come in, as far as that is decided."""
    return ask.request.answerer_id if ask.request.is_open else None


def _asks_of(posts: list[Post], viewer: object) -> list[Ask]:
    """The asks that `posts` answer, and those without a reply that stand under them."""
    replied = Ask.objects.filter(reply__in=posts).with_request()
    unanswered = Ask.objects.concerning(viewer).filter(post__in=posts, reply=None)
    waiting = unanswered.newest(MOST_ASKS).with_request().order_by("pk")
    return [*replied, *waiting]


def _asks_and_receipts(
    posts: list[Post],
    found: list[Ask],
    terms: dict[int | None, _Terms],
    viewer: object,
) -> tuple[defaultdict[int, list[AskState]], dict[int, ReceiptView]]:
    """What is asked of `posts`, and the receipts of replies, by the post's id."""
    names = KnownNames([it.request for it in found if it.reply_id is None], viewer)
    hours = OpeningHours()
    posts_by_id = {post.pk: post for post in posts}
    asks: defaultdict[int, list[AskState]] = defaultdict(list)
    written: dict[int, ReceiptView] = {}
    for ask in found:
        if ask.reply_id is None:
            ask.post = posts_by_id[ask.post_id]
            is_muted = terms.get(_answering(ask), _NO_TERMS).is_muted
            state = ask_states.state_in_list(
                ask, viewer, names, hours, is_muted=is_muted
            )
            asks[ask.post_id].append(state)
        elif ask.request.last_attempt is not None:
            last = ask.request.last_attempt
            written[ask.reply_id] = receipt_view(ask.request, last, viewer)
    return asks, written
