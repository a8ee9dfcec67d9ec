"""`manage.py rotate_keys`: encrypt all stored keys by the first of LLM_ENCRYPTION_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import EncryptionOff
from llmconfig.services.rotation import Progress, rotate

_MOST_NAMED = 20


class Command(BaseCommand):
    """Safe beside running workers, and to be run again after it was interrupted."""

    help = "Encrypt all stored provider keys anew by the first of LLM_ENCRYPTION_KEYS."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="count, and change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        is_dry = options["dry_run"]
        tables: dict[str, Progress] = {}
        try:
            for progress in rotate(is_dry=is_dry):
                tables[progress.what] = progress
                self.stdout.write(
                    f"{progress.what}: {progress.seen} of {progress.total}"
                )
        except EncryptionOff as error:
            raise CommandError(error.message) from None
        done = "to be encrypted anew" if is_dry else "encrypted anew"
        for it in tables.values():
            self.stdout.write(
                f"{it.what}: {it.renewed} {done}, {it.current} were so already,"
                f" {len(it.unreadable)} cannot be read."
            )
        if any(it.unreadable for it in tables.values()):
            raise CommandError(_named(tables.values()))


def _named(tables: Any) -> str:
    """Which rows stay as they are, by their ids."""
    rows = "; ".join(
        f"{it.what} {', '.join(map(str, it.unreadable[:_MOST_NAMED]))}"
        + (" and more" if len(it.unreadable) > _MOST_NAMED else "")
        for it in tables
        if it.unreadable
    )
    return (
        "None of LLM_ENCRYPTION_KEYS opens some stored keys, which stay as they are:"
        f" {rows}. Add the key they were encrypted with at the end and run this again, or"
        " let them be entered anew."
    )
