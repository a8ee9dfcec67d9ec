"""`manage.py erase_version`: empty one version of a persona, for legal reasons."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from personas.models import Persona, PersonaVersion
from personas.services.versions import erase_version, versions_alike


class Command(BaseCommand):
    """It says what it does not reach; `docs/operating.md` says more."""

    help = "Empty every text of one version of a persona for good. Its number stays."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("persona", help="its handle; of a deleted one its address")
        parser.add_argument("number", type=int, help="the version's number")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        version = _find(options["persona"], options["number"])
        if version.is_erased:
            self.stdout.write(f"{version} is erased already.")
            return
        alike = ", ".join(str(it.number) for it in versions_alike(version))
        is_current = version.persona.current_version_id == version.pk
        if not (options["yes"] or self._is_confirmed(version)):
            raise CommandError("Nothing was erased.")
        erase_version(version=version, actor=None)
        self.stdout.write(
            f"{version} is erased, also from prompts, drafts and tries that said the same."
        )
        if alike:
            self.stdout.write(f"These versions say some of the same and stay: {alike}.")
        if is_current:
            self.stdout.write(
                "It is the one that answers now: publish another, or delete the persona."
            )
        self.stdout.write(
            "Posts, answers, drafts that say it in other words, exported files and"
            " backups are as they were."
        )

    def _is_confirmed(self, version: PersonaVersion) -> bool:
        if not sys.stdin.isatty():
            raise CommandError("This cannot be undone. Say --yes if you mean it.")
        self.stdout.write(f"{version}: its texts cannot be brought back.")
        return input("Erase them? Write yes: ").strip().lower() == "yes"


def _find(name: str, number: int) -> PersonaVersion:
    """The version. Raises CommandError."""
    persona = Persona.objects.once_called(name.removeprefix("@")).first()
    if persona is None:
        raise CommandError("There is no such persona.")
    version = PersonaVersion.objects.filter(persona=persona, number=number).first()
    if version is None:
        raise CommandError(f"{persona} has no version {number}.")
    return version
