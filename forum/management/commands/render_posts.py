from typing import Any

from django.core.management.base import BaseCommand

from forum.services import posts


class Command(BaseCommand):
    help = "Render posts again that an older version of core.markup rendered."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{posts.rerender_posts()} posts rendered again.")
