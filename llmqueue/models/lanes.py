"""The lines in which requests wait."""

from django.db import models
from django.db.models import Q

from llmconfig.models import Endpoint


class Lane(models.Model):
    """The line in which requests for one endpoint wait; `endpoint` null: not yet known.

    `turn` is the turn last served, so that a newcomer's first request enters at the
    front of the line and not behind somebody's ten thousandth.
    """

    endpoint = models.OneToOneField(Endpoint, null=True, on_delete=models.CASCADE)
    is_enabled = models.BooleanField(default=True)
    turn = models.BigIntegerField(default=0)
    # The circuit breaker: failures in a row, and until when nothing is called here.
    failures = models.PositiveSmallIntegerField(default=0)
    broken_until = models.DateTimeField(null=True, blank=True)
    broken_by = models.CharField(max_length=20, blank=True, help_text="An Outcome.")

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
