"""`manage.py example_personas`: four characters that show what a persona can be."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from core.errors import ForllmError
from personas.services.examples import add_examples


class Command(BaseCommand):
    """Adds them once, as personas of a member's that everybody may ask."""

    help = "Add four example personas, of which each shows something else."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--owner", default="", help="Whose they are, by handle; else a superuser."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        members = User.objects.filter(is_active=True)
        handle = options["owner"].removeprefix("@")
        owner = (
            members.filter(handle__name__iexact=handle)
            if handle
            else members.filter(is_superuser=True).order_by("pk")
        ).first()
        if owner is None:
            raise CommandError("There is no such member.")
        try:
            added = add_examples(owner=owner)
        except ForllmError as error:
            raise CommandError(error.message) from None
        names = ", ".join(persona.name for persona in added)
        self.stdout.write(f"Added: {names}." if added else "They are here already.")
