"""Times as readers say them."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django import template
from django.utils import timezone
from django.utils.html import format_html

register = template.Library()

_STEPS = ((60, 1, "just now"), (3600, 60, "{} min ago"), (86400, 3600, "{} h ago"))


@register.simple_tag(takes_context=True)
def when(context: dict[str, Any], moment: datetime) -> str:
    """How long ago `moment` was, or its date; with the whole time in the reader's zone."""
    local = moment.astimezone(_zone(context.get("user")))
    return _time(moment, local, _words(moment, local))


@register.simple_tag(takes_context=True)
def until(context: dict[str, Any], moment: datetime) -> str:
    """In how many seconds or minutes `moment` comes, which is soon; the same way."""
    local = moment.astimezone(_zone(context.get("user")))
    return _time(moment, local, _coming(moment))


def _time(moment: datetime, local: datetime, words: str) -> str:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ"),
        f"{local:%d %b %Y, %H:%M %Z}".lstrip("0"),
        words,
    )


def _coming(moment: datetime) -> str:
    seconds = (moment - timezone.now()).total_seconds()
    if seconds <= 0:
        return "now"
    return f"in {seconds:.0f} s" if seconds < 100 else f"in {seconds / 60:.0f} min"


def _words(moment: datetime, local: datetime) -> str:
    seconds = (timezone.now() - moment).total_seconds()
    for limit, unit, words in _STEPS:
        if seconds < limit:
            return words.format(int(seconds // unit))
    return f"{local:%d %b %Y}".lstrip("0")


def _zone(user: object) -> ZoneInfo:
    try:
        return ZoneInfo(getattr(user, "timezone", "UTC"))
    except (ZoneInfoNotFoundError, ValueError):  # a zone this machine does not know
        return ZoneInfo("UTC")
