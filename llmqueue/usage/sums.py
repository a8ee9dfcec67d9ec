"""What was used, summed up by what it was used for."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from django.db.models import F, Max, QuerySet, Sum, TextField, Value
from django.db.models.expressions import Combinable, CombinedExpression, OrderBy
from django.db.models.functions import Cast, Coalesce, Concat

from llmqueue.models import DailyUsage

# What rows are ordered by, and charts show.
type Measure = Literal["calls", "tokens", "cost"]


@dataclass(frozen=True)
class Used:
    """The use of all calls that are alike in one thing; what is not known is not in it.

    `by`: the grouping; `key` tells apart what has the same `label`; both are blank where
    it is not known any more. A place's are its kind and key.
    """

    by: str
    key: str
    label: str
    calls: int
    tokens_in: int
    tokens_out: int
    uncounted_calls: int
    cost_usd: Decimal
    unpriced_calls: int
    last_day: date

    def measured(self, by: Measure) -> int | Decimal:
        """How much it is by one of the measures."""
        if by == "tokens":
            return self.tokens_in + self.tokens_out
        return self.calls if by == "calls" else self.cost_usd


_OWN_KEY = Cast("on_own_key", TextField())

# Of each grouping what its key is, and its label.
_GROUPINGS: dict[str, tuple[str | Combinable, str | Combinable]] = {
    "day": ("day", "day"),
    "member": ("member_id", "member__handle__name"),
    "persona": ("persona_id", "persona__name"),
    "model": ("model", "model"),
    "config": ("config_id", "config__name"),
    "place": (Concat("place_kind", Value(":"), "place_key"), "place_kind"),
    "provider": (_OWN_KEY, "endpoint__name"),
}


def sums(
    usage: QuerySet[DailyUsage],
    groupings: Iterable[str],
    *,
    most: int,
    by: Measure = "calls",
) -> dict[str, list[Used]]:
    """For each grouping its rows with the most of `by`, `most` of them, in one query.

    The days are all there, the newest first.
    """
    first, *others = [
        _by(usage, name, by)[: None if name == "day" else most] for name in groupings
    ]
    found: dict[str, list[Used]] = defaultdict(list)
    for row in first.union(*others, all=True):
        found[row[0]].append(Used(*row))
    for name, rows in found.items():
        if name == "day":
            rows.sort(key=lambda it: it.key, reverse=True)
        else:
            rows.sort(key=lambda it: (-it.measured(by), it.label, it.key))
    return found


def every_sum(usage: QuerySet[DailyUsage], grouping: str) -> list[Used]:
    """All rows of one grouping, in order."""
    return [Used(*row) for row in _by(usage, grouping)]


_MEASURES: dict[Measure, F | CombinedExpression] = {
    "calls": F("used_calls"),
    "tokens": F("used_in") + F("used_out"),
    "cost": F("used_usd"),
}


def _by(
    usage: QuerySet[DailyUsage], grouping: str, by: Measure = "calls"
) -> QuerySet[Any, Any]:
    key, label = (_text(it) for it in _GROUPINGS[grouping])
    order: tuple[str | OrderBy, ...] = (_MEASURES[by].desc(), "used_key")
    if grouping == "day":
        order = ("-used_key",)
    grouped = usage.order_by().values(
        used_by=Value(grouping, TextField()), used_key=key, used_label=label
    )
    summed = grouped.annotate(
        used_calls=Sum("calls"),
        used_in=Sum("tokens_in"),
        used_out=Sum("tokens_out"),
        used_uncounted=Sum("uncounted_calls"),
        used_usd=Sum("cost_usd"),
        used_unpriced=Sum("unpriced_calls"),
        used_last=Max("day"),
    )
    return summed.order_by(*order).values_list(
        "used_by",
        "used_key",
        "used_label",
        "used_calls",
        "used_in",
        "used_out",
        "used_uncounted",
        "used_usd",
        "used_unpriced",
        "used_last",
    )


def _text(value: str | Combinable) -> Coalesce:
    expression = F(value) if isinstance(value, str) else value
    return Coalesce(Cast(expression, TextField()), Value(""), output_field=TextField())
