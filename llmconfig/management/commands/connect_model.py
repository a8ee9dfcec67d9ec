"""`manage.py connect_model`: connect a provider without the settings page."""

import getpass
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import AddressDenied, EncryptionOff
from llmconfig.errors import ChangedMeanwhile, TrialFailed
from llmconfig.providers import PROVIDERS
from llmconfig.services import endpoints


class Command(BaseCommand):
    """The key comes by prompt or standard input: arguments are seen by everybody."""

    help = "Connect a model. The key is asked for, or read from standard input."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("provider", choices=sorted(PROVIDERS.keys() - {"demo"}))
        parser.add_argument("model", help="as the provider calls it")
        parser.add_argument("--address", default="", help="the base URL")
        parser.add_argument("--not-default", action="store_true")
        parser.add_argument(
            "--untried",
            action="store_false",
            dest="is_tried",
            help="save without a trial",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            endpoint, result = endpoints.connect_endpoint(
                provider=options["provider"],
                api_base=options["address"].rstrip("/"),
                key=_read_key(),
                model=options["model"],
                is_default=not options["not_default"],
                actor=None,
                is_tried=options["is_tried"],
            )
        except (AddressDenied, ChangedMeanwhile, EncryptionOff, TrialFailed) as error:
            raise CommandError(error.message) from None
        state = "connected" if options["is_tried"] else "saved"
        self.stdout.write(f"{endpoint} is {state}. {result}")


def _read_key() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Key (blank for none): ").strip()
    return sys.stdin.readline().strip()
