from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from accounts.signin_links import signin_link


class Command(BaseCommand):
    help = "Print an address that signs the site owner, or another member, in once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", nargs="?", default=settings.SITE_OWNER_EMAIL)

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email__iexact=options["email"]).first()
        if user is None:
            raise CommandError(f"There is no member with the email {options['email']}.")
        self.stdout.write(signin_link(user))
