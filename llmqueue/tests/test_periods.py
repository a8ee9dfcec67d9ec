"""When limits begin anew: at the site's own midnight, on every day of the year."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from llmqueue.limits import periods, wording


def day_for_the_database(moment: datetime, zone: str) -> date:
    """The day it is at `moment`, as the database tells it when a limit is looked up."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT (%s AT TIME ZONE %s)::date", [moment, zone])
        return cursor.fetchone()[0]


@pytest.mark.django_db
@pytest.mark.requirement("M-16", "D-48")
@pytest.mark.parametrize(
    ("zone", "day", "ends_utc"),
    [
        ("UTC", "2026-11-21", "2026-11-22T00:00"),
        ("Asia/Kathmandu", "2026-11-21", "2026-11-21T18:15"),
        ("America/New_York", "2026-11-21", "2026-11-22T05:00"),
        ("Europe/Berlin", "2026-03-29", "2026-03-29T22:00"),  # a day of 23 hours
        ("Europe/Berlin", "2026-10-25", "2026-10-25T23:00"),  # one of 25
        ("America/Santiago", "2026-09-05", "2026-09-06T04:00"),  # the next begins at 1
    ],
)
def test_a_day_ends_when_the_database_says_so(settings, zone, day, ends_utc):
    settings.TIME_ZONE = zone
    day = date.fromisoformat(day)

    end = periods.end_of("daily", day).astimezone(UTC)

    assert end == datetime.fromisoformat(ends_utc).replace(tzinfo=UTC)
    assert day_for_the_database(end, zone) == day + timedelta(days=1)
    assert day_for_the_database(end - timedelta(microseconds=1), zone) == day


@pytest.mark.requirement("M-16")
def test_people_read_in_which_time_zone_it_begins_anew(settings):
    settings.TIME_ZONE = "Europe/Berlin"

    said = wording.begins_anew("monthly", date(2026, 10, 25))

    assert said == "It begins anew on 1 November at 00:00 (Europe/Berlin)."
