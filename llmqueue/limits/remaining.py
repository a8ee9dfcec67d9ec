"""What is left for a member before they ask, and when it begins anew."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Q

from accounts.models import User
from accounts.tiers import Tier
from llmqueue.limits import periods, wording
from llmqueue.limits.fitting import KINDS, Ceiling, for_page
from llmqueue.models import LimitScope, SpendBucket

_OWN = (LimitScope.TIER, LimitScope.MEMBER)


@dataclass(frozen=True)
class Left:
    """What is left of one amount of one limit, in words; `share` of 1 is all of it."""

    kind: str
    text: str
    anew: str
    share: float
    is_budget: bool


def left_for(
    member: User,
    *,
    tier: Tier,
    place: tuple[str, str] = ("", ""),
    on_own_key: bool = False,
) -> list[Left]:
    """What is left for `member` of `tier`, who asks in `place`; three queries.

    `on_own_key`: where a key of their own is used, which meets no spending limit. Their
    own limits and budget, in that order; those of all members together only where nothing
    is left of them.
    """
    day = periods.today()
    ceilings = for_page(member=member, tier=tier, place=place, on_own_key=on_own_key)
    buckets = _buckets(ceilings, day)
    found = [
        left
        for ceiling in reversed(ceilings)
        for kind in KINDS
        if (left := _left(ceiling, kind, buckets.get(ceiling.order), day))
    ]
    return sorted(found, key=lambda it: it.is_budget)


def in_short(lefts: Iterable[Left]) -> str:
    """One line for the form: the requests that end first, and the own budget."""
    rows = list(lefts)
    own = [it for it in rows if it.kind == "requests" and not it.is_budget]
    first = sorted(own, key=lambda it: it.share)[:1]
    others = [it for it in rows if it.is_budget or not it.share]
    shown = [*first, *(it for it in others if it not in first)]
    groups: dict[str, list[str]] = {}
    for it in shown:
        groups.setdefault(it.anew, []).append(it.text)
    parts = [part for anew, texts in groups.items() for part in (*texts, anew)]
    return " ".join(part for part in parts if part)


def _buckets(
    ceilings: Iterable[Ceiling], day: date
) -> dict[tuple[int, int], SpendBucket]:
    wanted = Q(pk=None)
    for it in ceilings:
        wanted |= Q(
            limit=it.limit,
            budget_of=it.budget_of,
            subject=it.subject,
            period_key=periods.key_of(it.period, day),
        )
    rows = SpendBucket.objects.filter(wanted)
    return {(it.limit_id or 0, it.budget_of_id or 0): it for it in rows}


def _left(
    ceiling: Ceiling, kind: str, bucket: SpendBucket | None, day: date
) -> Left | None:
    most: int | Decimal | None = getattr(ceiling, kind)
    if most is None:
        return None
    left = max(most - (bucket or SpendBucket()).taken(kind), 0)
    is_own = ceiling.limit is None or ceiling.limit.scope in _OWN
    if not is_own and left:
        return None
    if is_own:
        text, anew = (
            _text(ceiling, kind, left),
            wording.begins_anew(ceiling.period, day),
        )
    else:
        text, anew = wording.refusal_of(ceiling, kind, day).message, ""
    share = float(left / most) if most else 0.0
    return Left(kind, text, anew, share, ceiling.limit is None)


def _text(ceiling: Ceiling, kind: str, left: int | Decimal) -> str:
    most = wording.amount(getattr(ceiling, kind), kind)
    rest = wording.dollars(Decimal(left)) if kind == "cost_usd" else f"{left:,}"
    whose = " of your own budget" if ceiling.limit is None else ""
    until = wording.now(ceiling.period)
    if wording.is_sample(ceiling):
        until = "until your address is confirmed"
    return f"{rest} of {most}{whose} left {until}."
