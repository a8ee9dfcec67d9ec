"""`manage.py clean_pictures`: remove the files of pictures that nobody shows any more."""

from typing import Any

from django.core.management.base import BaseCommand

from forum.services import images
from personas.services.pictures import clean_pictures


class Command(BaseCommand):
    help = "Removes pictures that no persona, draft or post has, after a day."

    def handle(self, **options: Any) -> None:
        self.stdout.write(
            f"{clean_pictures() + images.clean_pictures()} files removed."
        )
