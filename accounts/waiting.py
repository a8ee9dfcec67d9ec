"""What allauth's rate limits say to a person; it counts, and tells not for how long."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest

from core import rates
from core.errors import TooOften

_MINUTE = 60.0


def refused(request: HttpRequest, *rules: str) -> TooOften:
    """Note that one of `rules` refuses, in the words of the first.

    The wait is the longest that they can ask for.
    """
    windows = [window for name in rules for window in settings.RATES.get(name, [])]
    wait = timedelta(seconds=max([_MINUTE, *(seconds for _, seconds in windows)]))
    return rates.note(request, rates.too_often(rules[0], wait))
