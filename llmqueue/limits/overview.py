"""All limits with what is used of them now, for staff."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Max, Q

from llmqueue.limits import periods, wording
from llmqueue.limits.fitting import KINDS
from llmqueue.models import LimitScope, Period, SpendBucket, SpendLimit
from llmqueue.models.limits import column_of


@dataclass(frozen=True)
class Use:
    """One amount of a limit in words, and what is used or reserved of it."""

    most: str
    taken: str


@dataclass(frozen=True)
class LimitRow:
    """A limit, each of its amounts, when it begins anew, and of how many that is.

    `members`: of a limit for each of a tier, how many have used something of theirs;
    `uses` are then those of whoever used most.
    """

    limit: SpendLimit
    uses: list[Use]
    anew: str
    members: int | None


def limit_rows(limits: Iterable[SpendLimit]) -> list[LimitRow]:
    """These limits with their use in the period of now; two queries."""
    day = periods.today()
    now = Q()
    for period in Period:
        now |= Q(limit__period=period, period_key=periods.key_of(period, day))
    taken = {
        kind: Max(F(f"used_{column_of(kind)}") + F(f"reserved_{column_of(kind)}"))
        for kind in KINDS
    }
    groups = SpendBucket.objects.filter(now, limit__in=limits).values("limit")
    counted = groups.annotate(members=Count("pk"), **taken)
    found: dict[int, dict[str, Any]] = {it["limit"]: {**it} for it in counted}
    rows = []
    for limit in limits:
        used = found.get(limit.pk, {})
        is_each = limit.scope == LimitScope.TIER
        rows.append(
            LimitRow(
                limit=limit,
                uses=[
                    Use(
                        wording.amount(getattr(limit, kind), kind),
                        wording.amount(used.get(kind) or 0, kind),
                    )
                    for kind in KINDS
                    if getattr(limit, kind) is not None
                ],
                anew=wording.begins_anew(limit.period, day),
                members=used.get("members", 0) if is_each else None,
            )
        )
    return rows
