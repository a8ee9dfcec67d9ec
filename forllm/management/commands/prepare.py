"""`manage.py prepare`: bring a database and the static files to this version."""

import os
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from accounts.signin_links import signin_link
from forllm.seeding import seed
from llmconfig.services import endpoints


class Command(BaseCommand):
    """Migrates, collects static files and seeds; safe to run at every start."""

    help = "Migrate, collect static files, seed a new site, print a sign-in link."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        if address := os.environ.get("DEMO_MODEL_URL"):
            key = os.environ.get("DEMO_MODEL_KEY", "")
            endpoints.connect_demo_model(url=address, key=key)
        owner = seed()
        self.stdout.write(f"sign-in: {signin_link(owner)}")
