"""Telling members what became of what they asked for, and what was given to them.

`User.unseen_notices` is kept beside the rows, so that every page can show it without a
query. Its row is changed last in a transaction, after requests, topics and subforums.
"""

from collections.abc import Collection, Iterable

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models import User
from core.paging import first_of
from forum.models import Ask, Notice, NoticeKind, Post
from personas.models import Persona

PAGE_SIZE = 30


def notify(ask: Ask, kind: NoticeKind) -> None:
    """Tell whoever asked; inside the transaction in which it happened."""
    user_id = ask.request.requested_by_id
    if user_id is None:
        return
    Notice.objects.create(user_id=user_id, ask=ask, kind=kind)
    User.objects.filter(pk=user_id).update(unseen_notices=F("unseen_notices") + 1)


def notify_newcomer(persona: Persona, member: User) -> None:
    """Tell a member that they shape `persona` now; in the transaction that holds it.

    Who is added again and again before they look is told once.
    """
    told = Notice.objects.unseen().filter(user=member, persona=persona)
    if not told.exists():
        Notice.objects.create(user=member, persona=persona, kind=NoticeKind.SHAPES)
        count = F("unseen_notices") + 1
        User.objects.filter(pk=member.pk).update(unseen_notices=count)


def notify_all(asks: Iterable[Ask], kind: NoticeKind, *, but: User) -> None:
    """Tell whoever asked these, except `but`, who did it; always in one order."""
    for ask in sorted(asks, key=lambda it: it.request.requested_by_id or 0):
        if ask.request.requested_by_id != but.pk:
            notify(ask, kind)


@transaction.atomic
def mark_seen(*, user: User, shown: Collection[Post] | None = None) -> None:
    """Count the member's notices as seen: all, or those that these posts answer.

    On a page that shows `shown` stand their receipts, and what was asked of them.
    """
    unseen = Notice.objects.unseen().filter(user=user)
    if shown is not None:
        here = Q(reply__in=shown) | Q(reply=None, post__in=shown)
        # No join, which would put all conditions into a subquery: a row that another page
        # has just marked would be counted here once more.
        unseen = unseen.filter(ask__in=Ask.objects.filter(here))
    seen = unseen.update(seen_at=Now())
    if seen:
        rest = F("unseen_notices") - seen
        User.objects.filter(pk=user.pk).update(unseen_notices=rest)
        user.refresh_from_db(fields=["unseen_notices"])


def latest(user: User, *, before: int | None = None) -> tuple[list[Notice], int | None]:
    """A page of the member's notices, newest first, and the key the next goes on after.

    `before`: the key that the last page ended with; the key is None on the last one.
    """
    found = Notice.objects.filter(user=user).with_asks().before(before)
    page, last = first_of(found, PAGE_SIZE)
    return page, last.pk if last else None
