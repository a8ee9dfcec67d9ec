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
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ"),
        f"{local:%d %b %Y, %H:%M %Z}".lstrip("0"),
        _words(moment, local),
    )


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
