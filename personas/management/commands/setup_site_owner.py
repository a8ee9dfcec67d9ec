"""`manage.py setup_site_owner`: give the site an owner, and ownerless personas to them."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from accounts.services import make_site_owner
from core.errors import ForllmError
from personas.models import Persona, Visibility
from personas.services.adopting import adopt


class Command(BaseCommand):
    """What it did it does not do again, so after an interruption it is simply rerun."""

    help = (
        "Make the member SITE_OWNER_USERNAME the site owner, and give them the personas"
        " that nobody owns. Public ones stay public unless --private names them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--private",
            nargs="+",
            metavar="HANDLE",
            help="ownerless personas to hide; all others stay as they are",
        )
        parser.add_argument(
            "--public",
            nargs="+",
            default=[],
            metavar="HANDLE",
            help="ownerless personas that are hidden, to show to everybody",
        )
        parser.add_argument(
            "--no-input", action="store_true", help="ask nothing, also on a terminal"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = settings.SITE_OWNER_USERNAME.removeprefix("@")
        if not name:
            raise CommandError(
                "SITE_OWNER_USERNAME is not set: the handle of the site owner."
            )
        ownerless = Persona.objects.ownerless().select_related("handle")
        personas = list(ownerless.order_by("pk"))
        shown = _by_handle(personas, options["public"])
        hidden = _by_handle(personas, self._to_hide(personas, options))
        _check_choice(shown, hidden)
        try:
            owner = make_site_owner(handle=name, email=settings.SITE_OWNER_EMAIL)
        except ForllmError as error:
            raise CommandError(f"SITE_OWNER_USERNAME: {error.message}") from None
        chosen = dict.fromkeys(shown, Visibility.PUBLIC)
        chosen |= dict.fromkeys(hidden, Visibility.PRIVATE)
        for persona in personas:
            self._give(persona, owner, chosen.get(persona))
        self._report(owner)

    def _to_hide(self, personas: list[Persona], options: dict[str, Any]) -> list[str]:
        """The handles to hide: as said, or as asked for on a terminal."""
        if options["private"] is not None:
            return list(options["private"])
        public = [it for it in personas if it.visibility == Visibility.PUBLIC]
        if options["no_input"] or not public or not sys.stdin.isatty():
            return []
        self.stdout.write("Public, and nobody's yet:")
        for persona in public:
            self.stdout.write(f"  [x] @{persona.handle} {persona.name}")
        answer = input("Handles to hide, with spaces between them (none): ")
        return answer.replace(",", " ").split()

    def _give(
        self, persona: Persona, owner: User, visibility: Visibility | None
    ) -> None:
        try:
            adopt(persona=persona, member=owner, visibility=visibility)
        except ForllmError as error:
            raise CommandError(f"@{persona.handle}: {error.message}") from None

    def _report(self, owner: User) -> None:
        """One line for each persona of the owner's, whichever run gave it to them."""
        owned = Persona.objects.owned_by(owner).select_related("handle")
        for persona in owned.order_by("pk"):
            self.stdout.write(
                f"@{persona.handle}: owner @{owner}, {persona.visibility}"
            )


def _by_handle(personas: list[Persona], handles: list[str]) -> list[Persona]:
    """The ownerless personas so called. Raises CommandError for a handle of none."""
    known = {str(persona.handle).lower(): persona for persona in personas}
    names = [handle.removeprefix("@").lower() for handle in handles]
    if unknown := [name for name in names if name not in known]:
        raise CommandError(f"No ownerless persona is called @{unknown[0]}.")
    return [known[name] for name in names]


def _check_choice(shown: list[Persona], hidden: list[Persona]) -> None:
    if both := [it for it in shown if it in hidden]:
        raise CommandError(f"@{both[0].handle} cannot be both public and private.")
    if stays := [it for it in hidden if it.is_fallback]:
        raise CommandError(
            f"@{stays[0].handle} answers when nobody else can; it stays."
        )
