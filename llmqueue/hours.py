"""The opening hours as pages tell them: what is open, what opens when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.utils.dates import WEEKDAYS
from django.utils.text import get_text_list

from llmqueue.models import ScheduleWindow, in_hours

# One row for the site and for each endpoint with hours of its own: whether it is open at
# {at} and when that changes. A clock somewhere shows a full hour each quarter of an hour.
# Hours come again each week, unless one is left out as the clock is put forward. A series
# comes in its order; to sort it, all two weeks would be looked at.
_STATES = """
SELECT whose.endpoint_id, endpoint.name, coalesce(endpoint.is_enabled, true) AS is_used,
    is_open, changes_at
FROM (SELECT DISTINCT endpoint_id FROM queue_schedulewindow WHERE is_enabled) whose
LEFT JOIN llmconfig_endpoint endpoint ON endpoint.id = whose.endpoint_id
CROSS JOIN (SELECT {at}) clock (now)
CROSS JOIN LATERAL (SELECT {open_now}) state (is_open)
LEFT JOIN LATERAL (
    SELECT moment FROM generate_series(
        date_trunc('hour', now), now + interval '15 days', interval '15 minutes'
    ) moment
    WHERE moment > now AND {open_then} <> is_open LIMIT 1
) change (changes_at) ON true
ORDER BY endpoint.position NULLS FIRST, endpoint.id
"""


@dataclass(frozen=True)
class Hours:
    """How the hours stand of the site (`endpoint` blank) or of an endpoint, by its name.

    `changes_at`: when they end if it is open, else when they begin; None: never.
    """

    endpoint: str
    is_open: bool
    changes_at: datetime | None

    @property
    def change(self) -> str:
        """When they end or begin, such as "on Friday 27 November at 22:00 (UTC)"."""
        return moment_words(self.changes_at) if self.changes_at else ""

    @property
    def opening(self) -> str:
        """What opens when, to follow a colon; blank: it is open."""
        if self.is_open:
            return ""
        what = f"calls to {self.endpoint} begin" if self.endpoint else "the queue opens"
        return f"{what} {self.change}".rstrip()


class OpeningHours:
    """How the hours stand for everything, now or `at` a moment; one query when asked."""

    def __init__(self, at: datetime | None = None) -> None:
        self._at = at

    def of(self, endpoint_id: int | None) -> Hours | None:
        """Those that calls to this endpoint go by, see `in_hours`; None: always open."""
        return self._found.get(endpoint_id) or self._found.get(None)

    def opening_of(self, endpoint_id: int | None) -> str:
        """What opens when for a call to this endpoint; blank: it may begin."""
        hours = self.of(endpoint_id)
        return hours.opening if hours is not None else ""

    def every(self) -> list[Hours]:
        """Those of the site, and of each endpoint with hours of its own."""
        return list(self._found.values())

    @cached_property
    def _found(self) -> dict[int | None, Hours]:
        query = states(at="coalesce(%s::timestamptz, statement_timestamp())")
        zone = settings.TIME_ZONE
        with connection.cursor() as cursor:
            cursor.execute(query, [self._at, zone, zone])
            return {
                endpoint_id: Hours(name or "", is_open, changes_at)
                for endpoint_id, name, _, is_open, changes_at in cursor.fetchall()
            }


def states(*, at: str = "statement_timestamp()") -> str:
    """SQL: endpoint_id, name, is_used, is_open, changes_at; takes the site's zone twice."""
    return _STATES.format(
        at=at,
        open_now=in_hours("whose.endpoint_id", at="now", zone="%s"),
        open_then=in_hours("whose.endpoint_id", at="moment", zone="%s"),
    )


def moment_words(moment: datetime) -> str:
    """A moment of the coming days by the site's clock, to follow what happens then."""
    local = moment.astimezone(ZoneInfo(settings.TIME_ZONE))
    return f"on {local:%A %-d %B at %H:%M} ({settings.TIME_ZONE})"


def window_words(window: ScheduleWindow) -> str:
    """A window as a sentence: "Opens on Friday at 22:00, ends on Saturday at 06:00."."""
    days = _days(window.weekdays)
    start, end = window.start_hour, window.end_hour
    if start == end == 0:
        return f"Open {days}, all day."
    if end == 0:
        ends = "ends at midnight"
    elif end > start:
        ends = f"ends at {end:02}:00"
    elif len(window.weekdays) == 1:
        ends = f"ends on {WEEKDAYS[window.weekdays[0] % 7]} at {end:02}:00"
    else:
        ends = f"ends at {end:02}:00 on the next day"
    return f"Opens {days} at {start:02}:00, {ends}."


def _days(weekdays: Iterable[int]) -> str:
    days = sorted(weekdays)
    names = [str(WEEKDAYS[day - 1]) for day in days]
    if len(days) == len(WEEKDAYS):
        return "every day"
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"on {names[0]} to {names[-1]}"
    return f"on {get_text_list(names, 'and')}"
