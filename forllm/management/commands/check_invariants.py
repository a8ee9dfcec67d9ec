"""Check on this database what FORLLM promises; for operators and for tests."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from forum.invariants import check_forum
from llmqueue.invariants import check_queue
from studio.invariants import check_studio


class Command(BaseCommand):
    """`manage.py check_invariants`: exit 1 and one line for each broken promise."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        violations = [*check_queue(), *check_forum(), *check_studio()]
        for violation in violations:
            self.stderr.write(str(violation))
        if violations:
            raise CommandError(f"{len(violations)} promises are broken.")
        self.stdout.write("All promises hold: I1 to I8, I10 and the counters.")
