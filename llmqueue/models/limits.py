"""Limits of use, what was taken of them, and what is reserved for requests that run."""

from collections.abc import Iterable
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from llmconfig.models import BudgetPeriod
from llmqueue.models.requests import LLMRequest
from llmqueue.models.states import FINAL

_HELD = """
SELECT * FROM queue_spendlimit WHERE is_enabled
AND (scope, key) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
ORDER BY id FOR KEY SHARE
"""


class LimitScope(models.TextChoices):
    """Whom or what a limit is for. `TIER` is for each member of the tier alone."""

    SITE = "site", "The whole site"
    TIER = "tier", "Each member of a tier"
    MEMBER = "member", "One member"
    PERSONA = "persona", "One persona"
    CONFIG = "config", "One model config"
    PLACE = "place", "One subforum"


# Limits begin anew when members' own budgets do: at the site's midnight, or never.
Period = BudgetPeriod


class SpendLimitQuerySet(models.QuerySet["SpendLimit"]):
    """Questions about many limits."""

    def fitting(self, pairs: Iterable[tuple[str, str]]) -> Self:
        """Those switched on that are for one of `pairs` of scope and key."""
        any_of = (Q(scope=scope, key=key) for scope, key in pairs)
        return self.filter(reduce(or_, any_of), is_enabled=True).order_by("pk")

    def held_for(self, pairs: Iterable[tuple[str, str]]) -> list["SpendLimit"]:
        """The same, and none of them is deleted before this transaction has ended."""
        scopes, keys = zip(*pairs, strict=True)
        return list(self.raw(_HELD, [list(scopes), list(keys)]))


class SpendLimit(models.Model):
    """A ceiling on requests, tokens or cost; null: that one is not limited.

    `key`: what it is for, as text, since places lie above; blank for the site. All
    limits that fit a request must have room for it.
    """

    scope = models.CharField(max_length=10, choices=LimitScope)
    key = models.CharField(max_length=40, blank=True)
    period = models.CharField(max_length=10, choices=Period)
    requests = models.PositiveIntegerField(null=True, blank=True)
    tokens = models.PositiveBigIntegerField(null=True, blank=True)
    cost_usd = models.DecimalField(
        max_digits=14, decimal_places=8, null=True, blank=True
    )
    is_enabled = models.BooleanField(default=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    made_at = models.DateTimeField(auto_now_add=True)

    objects = SpendLimitQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "key", "period"], name="queue_limit_once"
            ),
            models.CheckConstraint(
                name="queue_limit_key_unless_site",
                condition=Q(scope="site", key="") | (~Q(scope="site") & ~Q(key="")),
            ),
            models.CheckConstraint(
                name="queue_limit_limits_something",
                condition=Q(requests__isnull=False)
                | Q(tokens__isnull=False)
                | Q(cost_usd__isnull=False),
            ),
            models.CheckConstraint(
                name="queue_limit_cost_not_negative",
                condition=Q(cost_usd__isnull=True) | Q(cost_usd__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period} limit of {self.scope} {self.key}".strip()


class SpendBucketQuerySet(models.QuerySet["SpendBucket"]):
    """Questions about many buckets."""

    def in_order(self) -> Self:
        """In the one order in which buckets are locked, so that none waits in a circle."""
        first = F("limit").asc(nulls_first=True)
        return self.order_by(first, "budget_of", "pk")


def column_of(kind: str) -> str:
    """What a bucket calls an amount of `kind`, behind `used_` and `reserved_`.

    `kind`: requests, tokens or cost_usd, as a limit's fields are called.
    """
    return kind.removeprefix("cost_")


class SpendBucket(models.Model):
    """What was used and what is reserved of one limit in one period.

    `subject`: the member, where the limit is for each of a tier; else blank. `period_key`
    such as 2026-11-21 or 2026-11, blank for all time. `budget_of`: in the place of a
    limit, the member whose own budget it is. The amounts together never pass what was
    allowed when they were reserved, except that a call may cost more than its estimate.
    """

    limit = models.ForeignKey(
        SpendLimit, null=True, on_delete=models.CASCADE, related_name="buckets"
    )
    budget_of = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.CASCADE,
        related_name="budget_buckets",
    )
    subject = models.CharField(max_length=40, blank=True)
    period_key = models.CharField(max_length=10, blank=True)
    used_requests = models.PositiveIntegerField(default=0)
    used_tokens = models.PositiveBigIntegerField(default=0)
    # As wide as any sum of estimates, which are members' own words.
    used_usd = models.DecimalField(max_digits=24, decimal_places=8, default=0)
    reserved_requests = models.PositiveIntegerField(default=0)
    reserved_tokens = models.PositiveBigIntegerField(default=0)
    reserved_usd = models.DecimalField(max_digits=24, decimal_places=8, default=0)

    objects = SpendBucketQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["limit", "budget_of", "subject", "period_key"],
                nulls_distinct=False,
                name="queue_bucket_once",
            ),
            models.CheckConstraint(
                name="queue_bucket_of_limit_or_budget",
                condition=Q(limit__isnull=False, budget_of__isnull=True)
                | Q(limit__isnull=True, budget_of__isnull=False),
            ),
            models.CheckConstraint(
                name="queue_bucket_not_negative",
                condition=Q(used_usd__gte=0, reserved_usd__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return f"bucket {self.pk} of limit {self.limit_id} {self.period_key}".strip()

    def taken(self, kind: str) -> int | Decimal:
        """What is used or reserved of `requests`, `tokens` or `cost_usd`."""
        column = column_of(kind)
        taken: int | Decimal = getattr(self, f"used_{column}")
        taken += getattr(self, f"reserved_{column}")
        return taken


class ReservationState(models.TextChoices):
    """Whether what was set aside is still open, was used, or was given back."""

    RESERVED = "reserved", "Reserved"
    SETTLED = "settled", "Settled"
    RELEASED = "released", "Given back"


class ReservationQuerySet(models.QuerySet["Reservation"]):
    """Questions about many reservations."""

    def open(self) -> Self:
        """Those neither settled nor given back."""
        return self.filter(state=ReservationState.RESERVED)

    def left_behind(self) -> Self:
        """Open ones of requests that ended a lease ago: nobody will come for them."""
        ended = Now() - settings.LLM_LEASE
        return self.open().filter(
            request__status__in=FINAL, request__finished_at__lt=ended
        )


class Reservation(models.Model):
    """What one request, or one call made for it, has set aside in one bucket.

    `attempt_number` 0: the request itself, reserved when it is queued; else the tokens
    and the cost of that call, reserved just before it. Its state makes settling
    idempotent, and its bucket fixes the day.
    """

    request = models.ForeignKey(
        LLMRequest, on_delete=models.CASCADE, related_name="reservations"
    )
    attempt_number = models.PositiveSmallIntegerField(default=0)
    bucket = models.ForeignKey(
        SpendBucket, on_delete=models.CASCADE, related_name="reservations"
    )
    requests = models.PositiveIntegerField(default=0)
    tokens = models.PositiveBigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=24, decimal_places=8, default=0)
    state = models.CharField(
        max_length=10, choices=ReservationState, default=ReservationState.RESERVED
    )

    objects = ReservationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request", "attempt_number", "bucket"],
                name="queue_reservation_once",
            ),
            models.CheckConstraint(
                name="queue_reservation_not_negative", condition=Q(cost_usd__gte=0)
            ),
        ]
        indexes = [
            models.Index(
                fields=["request"],
                condition=Q(state="reserved"),
                name="queue_reservation_open",
            )
        ]

    def __str__(self) -> str:
        return f"reservation {self.pk} of request {self.request_id}"
