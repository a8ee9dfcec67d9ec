"""Opening hours for tests: the windows are moved, and not the clock."""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta

from django.utils import timezone

from llmconfig.models import Endpoint
from llmqueue.models import ScheduleWindow

EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)


def window(
    weekdays: Iterable[int],
    start: int,
    end: int,
    *,
    of: Endpoint | None = None,
    **fields,
) -> ScheduleWindow:
    """Hours of an endpoint, or of the site."""
    return ScheduleWindow.objects.create(
        endpoint=of,
        weekdays=list(weekdays),
        start_hour=start,
        end_hour=end,
        **fields,
    )


def shut(of: Endpoint | None = None) -> datetime:
    """Hours that are far from now, wherever the clock stands; when they begin."""
    opens_on = timezone.now().astimezone(UTC).date() + timedelta(days=3)
    window([opens_on.isoweekday()], 8, 9, of=of)
    return datetime.combine(opens_on, time(8), UTC)


def open_again() -> None:
    """The hours have come."""
    ScheduleWindow.objects.update(weekdays=list(EVERY_DAY), start_hour=0, end_hour=0)
