"""The pages of what was used: tables and charts, and the same tables as CSV."""

import csv
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.utils.text import Truncator

from accounts.models import User
from forum.models import Subforum
from forum.services.asks import place_of
from llmqueue.limits.wording import dollars
from llmqueue.models import DailyUsageQuerySet
from llmqueue.usage.sums import Measure, Used, every_sum, sums
from studio import charts

PERIODS = (7, 30, 365)
# What the charts show and the rows are ordered by.
MEASURES: dict[Measure, str] = {"calls": "Calls", "tokens": "Tokens", "cost": "Cost"}
DEFAULT_PERIOD = 30
# Rows of a table in a page, and bars of a chart; the CSV has all.
_MOST_ROWS = 30
_MOST_BARS = 10
_MOST_LABEL = 30

_TITLES = {
    "day": "Day",
    "member": "Member",
    "persona": "Persona",
    "model": "Model",
    "config": "Config",
    "place": "Subforum",
    "provider": "Provider and key",
}
OWN_TABLES = ("day", "persona", "model", "config", "place", "provider")
SITE_TABLES = ("day", "member", *OWN_TABLES[1:])

# What stands where a name is not known any more, or never was.
_NAMELESS = {
    "member": "a member who has gone",
    "persona": "a persona that is gone",
    "model": "unknown",
    "config": "no config, or one that is gone",
    "provider": "an endpoint that is gone",
}
_PLACES = {"persona": "the test bench", "subforum": "a subforum that is gone"}
# With these a formula begins, after spaces too, and in some countries written wide.
_SIGNS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
_CONTROLS = ("\t", "\r", "\n")


def _dollars(usd: charts.Number) -> str:
    return dollars(Decimal(usd))


def _count(number: charts.Number) -> str:
    return f"{number:,}"


_WORDS: dict[Measure, charts.InWords] = {
    "calls": _count,
    "tokens": _count,
    "cost": _dollars,
}


@dataclass(frozen=True)
class Table:
    """The use by one thing, with a chart of it; `is_cut`: there are more rows."""

    name: str
    title: str
    rows: list[Used]
    chart: charts.Chart
    is_cut: bool


@dataclass(frozen=True)
class Report:
    """What was used in a period: `total` is None if nothing was.

    `by`: what the charts show, one of `MEASURES`; `shown` is its name.
    """

    days: int
    by: Measure
    first: date
    tables: list[Table]
    total: Used | None

    @property
    def shown(self) -> str:
        return MEASURES[self.by]


@dataclass(frozen=True)
class Labels:
    """What rows are called for the viewer, whose own page it is or who is staff.

    Either knows the personas: who asked knows whom they asked, and staff know all.
    """

    subforums: dict[str, str]
    is_own: bool

    def named(self, used: Used) -> Used:
        """The row with the label that is shown."""
        return replace(used, label=self._of(used))

    def _of(self, used: Used) -> str:
        if used.by == "place":
            return self._place(used.key)
        label = used.label or _NAMELESS.get(used.by, "")
        if used.by == "member" and used.label:
            return f"@{label}"
        if used.by == "provider":
            whose = "your own key" if self.is_own else "members' own keys"
            return f"{label}, {whose if used.key == 'true' else "the site's key"}"
        return label

    def _place(self, key: str) -> str:
        kind = key.partition(":")[0]
        return self.subforums.get(key, _PLACES.get(kind, "elsewhere"))


def labels_for(viewer: User, *, is_own: bool) -> Labels:
    """One query: the subforums that the viewer may read."""
    visible = Subforum.objects.visible_to(viewer).values_list("pk", "name")
    names = {":".join(place_of(pk)): name for pk, name in visible}
    return Labels(names, is_own)


def first_day(days: int) -> date:
    """The first of so many UTC days, today the last."""
    return datetime.now(UTC).date() - timedelta(days=days - 1)


def report(
    usage: DailyUsageQuerySet,
    tables: tuple[str, ...],
    *,
    days: int,
    by: Measure,
    labels: Labels,
) -> Report:
    """The tables of a period, in one query besides that of `labels`."""
    first = first_day(days)
    found = sums(usage.since(first), tables, most=_MOST_ROWS + 1, by=by)
    named = {it: [labels.named(row) for row in found.get(it, [])] for it in tables}
    shown = [_table(name, rows, first, days, by) for name, rows in named.items()]
    return Report(days, by, first, shown, _total(named["day"]))


def _table(name: str, rows: list[Used], first: date, days: int, by: Measure) -> Table:
    in_words = _WORDS[by]
    if name == "day":
        used = {row.key: row.measured(by) for row in rows}
        dates = [(first + timedelta(days=it)).isoformat() for it in range(days)]
        chart = charts.columns([(day, used.get(day, 0)) for day in dates], in_words)
    else:
        bars = [
            (Truncator(row.label).chars(_MOST_LABEL), row.measured(by))
            for row in rows[:_MOST_BARS]
        ]
        chart = charts.rows(bars, in_words)
    is_cut = len(rows) > _MOST_ROWS
    return Table(name, _TITLES[name], rows[:_MOST_ROWS], chart, is_cut)


def _total(days: list[Used]) -> Used | None:
    if not days:
        return None
    return Used(
        by="total",
        key="",
        label="Total",
        calls=sum(it.calls for it in days),
        tokens_in=sum(it.tokens_in for it in days),
        tokens_out=sum(it.tokens_out for it in days),
        uncounted_calls=sum(it.uncounted_calls for it in days),
        cost_usd=sum((it.cost_usd for it in days), Decimal(0)),
        unpriced_calls=sum(it.unpriced_calls for it in days),
        last_day=max(it.last_day for it in days),
    )


class _Line:
    """What the csv module writes a line into, so that it can be sent at once."""

    def write(self, line: str) -> str:
        return line


def as_csv(
    usage: DailyUsageQuerySet, name: str, *, labels: Labels
) -> AsyncIterator[str]:
    """All rows of a table as lines of CSV, its head first.

    They are read before the first is sent: no connection waits for a slow reader.
    """
    return _lines(name, [labels.named(row) for row in every_sum(usage, name)])


async def _lines(name: str, rows: list[Used]) -> AsyncIterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow(
        (
            _TITLES[name],
            "Calls",
            "Tokens in",
            "Tokens out",
            "Calls of unknown tokens",
            "Cost in US dollars",
            "Calls of unknown cost",
            "Last day",
        )
    )
    for used in rows:
        yield writer.writerow(
            (
                harmless(used.label),
                used.calls,
                used.tokens_in,
                used.tokens_out,
                used.uncounted_calls,
                f"{used.cost_usd:f}",
                used.unpriced_calls,
                used.last_day,
            )
        )


def harmless(text: str) -> str:
    """`text` so that no spreadsheet takes it for a formula."""
    is_formula = text[:1] in _CONTROLS or text.lstrip()[:1] in _SIGNS
    return f"'{text}" if text and is_formula else text
