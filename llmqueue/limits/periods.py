"""The periods of limits, by the database's clock and the site's midnight."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from llmqueue.models import Period


def today() -> date:
    """The day it is for the site, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT (now() AT TIME ZONE %s)::date", [settings.TIME_ZONE])
        day: date = cursor.fetchone()[0]
        return day


def key_of(period: str, day: date) -> str:
    """What the period of `day` is called: 2026-11-21, 2026-11, or blank for all time."""
    match period:
        case Period.DAILY:
            return day.isoformat()
        case Period.MONTHLY:
            return f"{day:%Y-%m}"
        case _:
            return ""


def end_of(period: str, day: date) -> datetime | None:
    """The site's midnight at which the period of `day` ends; None: it never does."""
    match period:
        case Period.DAILY:
            first = day + timedelta(days=1)
        case Period.MONTHLY:
            first = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        case _:
            return None
    return datetime.combine(first, time(), ZoneInfo(settings.TIME_ZONE))
