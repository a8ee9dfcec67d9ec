"""What was used each day; the attempts are the truth, these rows their sums."""

from datetime import date
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from llmconfig.models import Endpoint, LLMConfig
from personas.models import Persona


class DailyUsageQuerySet(models.QuerySet["DailyUsage"]):
    """Questions about what was used."""

    def since(self, day: date) -> Self:
        """What was used on `day`, a UTC day, and after it."""
        return self.filter(day__gte=day)

    def of(self, member: object) -> Self:
        """What `member` has asked for, on whoever's key."""
        return self.filter(member=member)


class DailyUsage(models.Model):
    """Calls of one UTC day that are alike: of whom, by whom, with what, and where.

    Raised in the transaction that settles a call. Tokens and `cost_usd` are sums of what
    is known; of `uncounted_calls` a token count is not, and of `unpriced_calls` the cost,
    which is not 0.
    """

    # Of all that follows up to `on_own_key`, so that one statement inserts or adds.
    key = models.CharField(max_length=300, unique=True)
    day = models.DateField()
    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    persona = models.ForeignKey(Persona, null=True, on_delete=models.SET_NULL)
    config = models.ForeignKey(LLMConfig, null=True, on_delete=models.SET_NULL)
    endpoint = models.ForeignKey(Endpoint, null=True, on_delete=models.SET_NULL)
    model = models.CharField(max_length=120)
    place_kind = models.CharField(max_length=20, blank=True)
    place_key = models.CharField(max_length=40, blank=True)
    on_own_key = models.BooleanField(default=False)
    calls = models.PositiveIntegerField(default=0)
    tokens_in = models.PositiveBigIntegerField(default=0)
    tokens_out = models.PositiveBigIntegerField(default=0)
    uncounted_calls = models.PositiveIntegerField(default=0)
    # Wide enough for any sum of what attempts can hold.
    cost_usd = models.DecimalField(max_digits=24, decimal_places=8, default=0)
    unpriced_calls = models.PositiveIntegerField(default=0)

    objects = DailyUsageQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "daily usage"
        constraints = [
            models.CheckConstraint(
                name="queue_usage_cost_not_negative", condition=Q(cost_usd__gte=0)
            ),
        ]
        indexes = [
            models.Index(fields=["-day"], name="queue_usage_by_day"),
            models.Index(fields=["member", "-day"], name="queue_usage_by_member"),
        ]

    def __str__(self) -> str:
        return f"use of {self.model} on {self.day}"
