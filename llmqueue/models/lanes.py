"""The lines in which requests wait, and whether their endpoint answers."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.expressions import Combinable

from llmconfig.models import Endpoint
from llmqueue.models.hours import InHours
from llmqueue.models.states import Outcome

# What speaks of the site's key or account, so that a member's own key may do better.
SITE_KEY_TROUBLE = (Outcome.KEY_REFUSED, Outcome.RATE_LIMITED)

_PAUSE_WORDS: dict[str, str] = {
    Outcome.OVERLOADED: "it fails or breaks off",
    Outcome.TIMED_OUT: "it takes too long",
    Outcome.UNREACHABLE: "it cannot be reached",
    Outcome.MALFORMED: "its answers cannot be understood",
    Outcome.KEY_REFUSED: "it refuses the site's key",
    Outcome.RATE_LIMITED: "it was asked too often",
}


def pause_words(outcome: str) -> str:
    """Why an endpoint that failed so is paused, for everybody, as the end of a sentence."""
    return _PAUSE_WORDS.get(outcome, "it keeps failing")


class LaneQuerySet(models.QuerySet["Lane"]):
    """Questions about many lanes."""

    def paused(self) -> Self:
        """Lanes whose endpoint has failed too often in a row and is left alone."""
        return self.filter(broken_until__isnull=False)

    def in_hours(self, at: datetime | Combinable | None = None) -> Self:
        """Lanes in which calls may begin now, or at that instant, by the opening hours."""
        return self.filter(InHours("endpoint_id", at=at))

    def close(self) -> int:
        """Let calls be made there again, with nothing counted against it; how many."""
        return self.update(
            failures=0,
            broken_at=None,
            broken_until=None,
            broken_by="",
            probe_token=None,
        )


class Lane(models.Model):
    """The line in which requests for one endpoint wait; `endpoint` null: not yet known.

    `turn` is the turn last served, so that a newcomer's first request enters at the
    front of the line and not behind somebody's ten thousandth.
    """

    endpoint = models.OneToOneField(Endpoint, null=True, on_delete=models.CASCADE)
    is_enabled = models.BooleanField(default=True)
    turn = models.BigIntegerField(default=0)
    # The circuit breaker (work/breaker.py): failures in a row; since when nothing is
    # called here, until when, and what the last of the failures was.
    failures = models.PositiveSmallIntegerField(default=0)
    broken_at = models.DateTimeField(null=True, blank=True)
    broken_until = models.DateTimeField(null=True, blank=True)
    broken_by = models.CharField(max_length=20, blank=True, help_text="An Outcome.")
    # The lease under which one request was let through, to see whether it answers.
    probe_token = models.UUIDField(null=True, blank=True)

    objects = LaneQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint"],
                name="queue_lane_one_unresolved",
                condition=Q(endpoint=None),
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return self.endpoint.name if self.endpoint else "unresolved"

    @property
    def is_paused(self) -> bool:
        """Whether its endpoint failed too often, until a call has shown that it answers."""
        return self.broken_until is not None

    def holds(self, *, on_own_key: bool) -> bool:
        """Whether a call with such a key has to wait now, unless it is the one let through."""
        return self.is_paused and not (on_own_key and self.spares_own_keys)

    @property
    def why_paused(self) -> str:
        """Why it is paused, see `pause_words`."""
        return pause_words(self.broken_by)

    @property
    def spares_own_keys(self) -> bool:
        """Whether it is the site's key that failed, and members' own may still do."""
        return self.broken_by in SITE_KEY_TROUBLE
