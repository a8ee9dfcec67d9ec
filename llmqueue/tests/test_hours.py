"""Opening hours: at which instants they hold, and when they begin and end."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings as site
from django.db import IntegrityError, connection, transaction

from llmqueue.hours import OpeningHours, window_words
from llmqueue.models import Lane, ScheduleWindow, in_hours
from llmqueue.tests.hours import EVERY_DAY, window
from llmqueue.work import lanes

pytestmark = pytest.mark.django_db

FRIDAY = 5
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",  # its midnight is left out, or comes twice
    "Australia/Lord_Howe",  # put forward by half an hour
    "Asia/Kathmandu",
]


def is_open(utc: str) -> bool:
    """Whether calls may begin then."""
    at = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    return lanes.lane_of(None) in Lane.objects.in_hours(at=at)


# 2026-11-20 is a Friday.
@pytest.mark.requirement("O-09", "C-15", "F-15", "F-59")
@pytest.mark.parametrize(
    ("hours", "local", "expected"),
    [
        ((22, 6), "2026-11-20T21:59:59", False),
        ((22, 6), "2026-11-20T22:00", True),
        ((22, 6), "2026-11-21T00:00", True),
        ((22, 6), "2026-11-21T03:00", True),
        ((22, 6), "2026-11-21T05:59:59", True),
        ((22, 6), "2026-11-21T06:00", False),
        ((22, 6), "2026-11-21T22:00", False),
        ((22, 6), "2026-11-20T03:00", False),
        ((22, 0), "2026-11-20T21:59:59", False),
        ((22, 0), "2026-11-20T22:00", True),
        ((22, 0), "2026-11-20T23:59:59.999999", True),
        ((22, 0), "2026-11-21T00:00", False),
        ((22, 0), "2026-11-20T12:00", False),
        ((22, 0), "2026-11-20T00:00", False),
        ((0, 0), "2026-11-19T23:59:59", False),
        ((0, 0), "2026-11-20T00:00", True),
        ((0, 0), "2026-11-20T23:59:59", True),
        ((0, 0), "2026-11-21T00:00", False),
        ((9, 9), "2026-11-20T08:59:59", False),
        ((9, 9), "2026-11-20T09:00", True),
        ((9, 9), "2026-11-21T08:59:59", True),
        ((9, 9), "2026-11-21T09:00", False),
        ((9, 17), "2026-11-20T08:59:59", False),
        ((9, 17), "2026-11-20T16:59:59", True),
        ((9, 17), "2026-11-20T17:00", False),
        ((9, 17), "2026-11-21T10:00", False),
    ],
)
def test_a_friday_window_holds_when_it_should(hours, local, expected):
    window([FRIDAY], *hours)

    assert is_open(local) == expected


@pytest.mark.requirement("O-09")
def test_friday_night_is_open_on_its_early_morning_if_thursday_is():
    window([4, FRIDAY], 22, 6)

    assert is_open("2026-11-20T03:00")


@pytest.mark.requirement("O-09")
def test_sunday_night_goes_on_on_monday():
    window([7], 22, 6)

    assert is_open("2026-11-23T03:00")
    assert not is_open("2026-11-22T03:00")


# The clock is put forward from 2 to 3, and back from 3 to 2.
@pytest.mark.requirement("O-09")
@pytest.mark.parametrize(
    ("hours", "night", "length"),
    [
        ((22, 6), "2026-03-28", 7),
        ((22, 6), "2026-10-24", 9),
        ((22, 6), "2026-11-20", 8),
        ((0, 0), "2026-03-29", 23),
        ((0, 0), "2026-10-25", 25),
        ((2, 3), "2026-03-29", 0),
        ((2, 3), "2026-10-25", 2),
        ((1, 3), "2026-03-29", 1),
        ((3, 4), "2026-03-29", 1),
    ],
)
def test_a_window_is_as_long_as_the_night_is(settings, hours, night, length):
    settings.TIME_ZONE = "Europe/Berlin"
    begins = datetime.fromisoformat(night)
    window([begins.isoweekday()], *hours)

    noon = (begins - timedelta(hours=12)).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    found = open_quarters(noon, days=3)

    assert len(found) / 4 == length


def open_quarters(since: datetime, *, days: int) -> set[datetime]:
    """The quarters of an hour at which the queue is open, by the claim's own rule."""
    rule = in_hours("NULL::bigint", at="moment", zone="%s")
    query = (
        "SELECT moment FROM generate_series(%s::timestamptz, %s::timestamptz,"
        f" interval '15 minutes') moment WHERE {rule}"
    )
    until = since + timedelta(days=days)
    with connection.cursor() as cursor:
        cursor.execute(query, [since, until, site.TIME_ZONE])
        return {moment for (moment,) in cursor.fetchall()}


def open_by_the_wall(
    windows: list[ScheduleWindow], since: datetime, *, days: int, zone: str
) -> set[datetime]:
    """The same, told day by day from what the clock on the wall shows."""
    found = set()
    for number in range(days * 96 + 1):
        moment = since + number * timedelta(minutes=15)
        wall = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
        for it in windows:
            for day in (midnight - timedelta(days=1), midnight):
                begins = day + timedelta(hours=it.start_hour)
                ends = day + timedelta(hours=it.end_hour)
                if ends <= begins:
                    ends += timedelta(days=1)
                if day.isoweekday() in it.weekdays and begins <= wall < ends:
                    found.add(moment)
    return found


@pytest.mark.requirement("O-09", "F-59")
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("month", ["2026-03-01", "2026-10-18", "2026-08-30"])
def test_the_database_reads_the_clock_as_people_do(settings, zone, month):
    settings.TIME_ZONE = zone
    since = datetime.fromisoformat(month).replace(tzinfo=UTC)
    chance = random.Random(f"{zone} {month}")
    seen: set[bool] = set()
    for _ in range(6):
        ScheduleWindow.objects.all().delete()
        windows = [
            window(
                chance.sample(EVERY_DAY, chance.randint(1, 3)),
                chance.randrange(24),
                chance.randrange(24),
            )
            for _ in range(chance.randint(1, 3))
        ]

        found = open_quarters(since, days=35)

        assert found == open_by_the_wall(windows, since, days=35, zone=zone)
        seen |= {bool(found), len(found) == 35 * 96 + 1}
    assert seen == {True, False}


@pytest.mark.requirement("O-10", "C-15")
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("month", ["2026-03-01", "2026-10-18", "2026-08-30"])
def test_pages_name_the_moment_at_which_it_changes(settings, zone, month):
    settings.TIME_ZONE = zone
    since = datetime.fromisoformat(month).replace(tzinfo=UTC)
    chance = random.Random(f"{month} {zone}")
    windows = [window([6, 7], 22, 2), window([3], 1, 3), window([1, 7], 0, 0)]
    quarter = timedelta(minutes=15)

    found = open_by_the_wall(windows, since, days=51, zone=zone)

    for _ in range(25):
        now = since + chance.randrange(35 * 96) * quarter
        then = now + quarter
        while (then in found) == (now in found):
            then += quarter
        hours = OpeningHours(at=now).of(None)
        assert (hours.is_open, hours.changes_at) == (now in found, then)
        later = OpeningHours(at=then - timedelta(microseconds=1)).of(None)
        assert (later.is_open, later.changes_at) == (now in found, then)


@pytest.mark.requirement("O-09", "O-10")
def test_hours_that_the_changed_clock_leaves_out_come_a_week_later(settings):
    settings.TIME_ZONE = "Europe/Berlin"
    window([7], 2, 3)

    hours = OpeningHours(at=datetime(2026, 3, 22, 12, tzinfo=UTC)).of(None)

    assert hours.changes_at == datetime(2026, 4, 5, 0, tzinfo=UTC)
    assert hours.change == "on Sunday 5 April at 02:00 (Europe/Berlin)"


@pytest.mark.requirement("C-15", "O-10")
def test_hours_that_never_end_have_no_end():
    window(EVERY_DAY, 0, 0)

    hours = OpeningHours().of(None)

    assert (hours.is_open, hours.changes_at, hours.opening) == (True, None, "")


@pytest.mark.requirement("F-15")
@pytest.mark.parametrize(
    ("weekdays", "hours"),
    [
        ([], (8, 17)),
        ([0], (8, 17)),
        ([1, 8], (8, 17)),
        ([None], (8, 17)),
        ([1], (24, 6)),
        ([1], (22, 24)),
        ([1], (-1, 6)),
    ],
    ids=["never", "0", "8", "null", "from-24", "to-24", "from-minus-1"],
)
def test_the_database_takes_no_hours_that_there_are_not(weekdays, hours):
    with pytest.raises(IntegrityError), transaction.atomic():
        window(weekdays, *hours)


@pytest.mark.requirement("O-09", "F-15")
@pytest.mark.parametrize(
    ("weekdays", "hours", "words"),
    [
        ([5], (22, 6), "Opens on Friday at 22:00, ends on Saturday at 06:00."),
        ([7], (22, 6), "Opens on Sunday at 22:00, ends on Monday at 06:00."),
        ([5], (22, 0), "Opens on Friday at 22:00, ends at midnight."),
        ([5], (9, 17), "Opens on Friday at 09:00, ends at 17:00."),
        ([5], (9, 9), "Opens on Friday at 09:00, ends on Saturday at 09:00."),
        ([6, 7], (0, 0), "Open on Saturday and Sunday, all day."),
        (
            [3, 1, 5],
            (8, 9),
            "Opens on Monday, Wednesday and Friday at 08:00, ends at 09:00.",
        ),
        (
            [1, 2, 3, 4, 5],
            (20, 7),
            "Opens on Monday to Friday at 20:00, ends at 07:00 on the next day.",
        ),
        (EVERY_DAY, (0, 0), "Open every day, all day."),
    ],
    ids=str,
)
def test_hours_are_said_in_words(weekdays, hours, words):
    said = window_words(
        ScheduleWindow(weekdays=weekdays, start_hour=hours[0], end_hour=hours[1])
    )

    assert said == words
