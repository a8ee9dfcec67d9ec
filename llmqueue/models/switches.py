"""What stops model calls, and what pretends that they fail."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import CharField, Q, Value
from django.db.models.functions import Cast, Concat, Now
from django.utils import timezone

from llmconfig.models import Endpoint
from llmqueue.models.states import Outcome


class StopScope(models.TextChoices):
    """What a stop switch stops. Off wins, wherever it is set."""

    SITE = "site", "The whole site"
    ENDPOINT = "endpoint", "An endpoint"
    PERSONA = "persona", "A persona"
    PLACE = "place", "A subforum"


class StopQuerySet(models.QuerySet["Stop"]):
    """Questions about many stops."""

    def active(self) -> Self:
        """Those that were not lifted."""
        return self.filter(lifted_at=None)

    def of_site(self) -> Self:
        """Those of everything."""
        return self.filter(scope=StopScope.SITE)

    def against(
        self, *, endpoint: Any = None, persona: Any = None, place: Any = ("", "")
    ) -> Self:
        """Active ones that stop a call to this endpoint, for this persona, there.

        Keys, or expressions that refer to an outer query; `place` is (kind, key).
        """
        keys = {
            StopScope.ENDPOINT: endpoint,
            StopScope.PERSONA: persona,
            StopScope.PLACE: stop_key_of(*place),
        }
        matching = Q(scope=StopScope.SITE)
        for scope, key in keys.items():
            if key is not None:
                matching |= Q(scope=scope, key=_as_text(key))
        return self.active().filter(matching)


def stop_key_of(kind: Any, key: Any) -> Any:
    """How a stop names a place: its kind and its key, as text."""
    if isinstance(kind, str) and isinstance(key, str):
        return f"{kind} {key}"
    return Concat(kind, Value(" "), key)


def _as_text(key: Any) -> Any:
    is_expression = hasattr(key, "resolve_expression")
    return Cast(key, CharField()) if is_expression else str(key)


class Stop(models.Model):
    """A switch that is off: no new call in its scope until it is lifted.

    `key`: of what it stops, as text, since places lie above; blank for the site.
    `cuts_running`: calls that run are cut and wait; otherwise they finish.
    """

    scope = models.CharField(max_length=10, choices=StopScope)
    key = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    cuts_running = models.BooleanField(default=False)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    set_at = models.DateTimeField(auto_now_add=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    lifted_at = models.DateTimeField(null=True, blank=True)

    objects = StopQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "key"],
                condition=Q(lifted_at=None),
                name="queue_stop_one_active",
            ),
            models.CheckConstraint(
                name="queue_stop_key_unless_site",
                condition=Q(scope="site", key="") | (~Q(scope="site") & ~Q(key="")),
            ),
        ]

    def __str__(self) -> str:
        return f"stop {self.scope} {self.key}".strip()

    @property
    def subject_key(self) -> str:
        """The key in its own table: a place's stands behind its kind."""
        return self.key.rpartition(" ")[2]


class SimulatedFailureQuerySet(models.QuerySet["SimulatedFailure"]):
    """Questions about many."""

    def active(self) -> Self:
        """Those that the next call meets."""
        return self.filter(calls_left__gt=0, until__gt=Now())


class SimulatedFailure(models.Model):
    """Staff let the next calls at an endpoint fail, to see what then happens."""

    endpoint = models.OneToOneField(
        Endpoint, on_delete=models.CASCADE, related_name="simulated_failure"
    )
    # One that is no answer.
    outcome = models.CharField(max_length=20, choices=Outcome)
    calls_left = models.PositiveSmallIntegerField()
    until = models.DateTimeField()
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    objects = SimulatedFailureQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.outcome} simulated at {self.endpoint_id}"

    @property
    def is_active(self) -> bool:
        """Whether the next call meets it."""
        return self.calls_left > 0 and self.until > timezone.now()
