"""`manage.py rebuild_usage`: make the sums of use anew from the calls on record."""

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from llmqueue.usage.recording import rebuild_usage


class Command(BaseCommand):
    """Safe at any time, and as often as you like."""

    help = "Make the daily sums of use anew from the calls on record."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", metavar="DAY", help="a day such as 2026-01-31")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = rebuild_usage(since=_day_of(options["since"]))
        self.stdout.write(f"Use is summed up anew: {rows} rows.")


def _day_of(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise CommandError("A day looks like 2026-01-31.") from None
