"""Endpoints, and what staff say a model there costs."""

from datetime import timedelta
from decimal import Decimal
from typing import Self

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from accounts.models import User
from accounts.tiers import Tier
from llmconfig.prices import Price
from llmconfig.providers import CHOICES, PROVIDERS, Provider, names_model

MOST_CALL_DEADLINE = timedelta(hours=2)


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    """Questions about many endpoints."""

    def in_order(self) -> Self:
        """Enabled endpoints, the site's first choice first."""
        return self.filter(is_enabled=True).order_by("position", "pk")

    def first_choice(self) -> "Endpoint | None":
        """What answers where nothing is set: the first enabled one with a default model."""
        return self.in_order().exclude(default_model="").first()

    def offered_to(self, user: User) -> Self:
        """Enabled endpoints the member may call: on the site's key, or on their own."""
        open_to = [OpenTo.MEMBERS, OpenTo.VERIFIED]
        if user.is_staff:
            open_to.append(OpenTo.STAFF)
        own = user.api_keys.values("endpoint")
        return self.in_order().filter(Q(open_to__in=open_to) | Q(pk__in=own))

    def named(self, name: str) -> Self:
        """The endpoint of this name, however it is capitalised."""
        return self.filter(name__iexact=name)


class OpenTo(models.TextChoices):
    """Whose requests an endpoint answers at the site's expense."""

    MEMBERS = "members", "All members"
    VERIFIED = "verified", "Members with a confirmed address"
    STAFF = "staff", "Staff only"
    NOBODY = "nobody", "Nobody: only with a key of one's own"

    def admits(self, tier: Tier) -> bool:
        """Whether members of `tier` are among them."""
        return tier in _ADMITTED[self]


_ADMITTED = {
    OpenTo.MEMBERS: set(Tier),
    OpenTo.VERIFIED: {Tier.VERIFIED, Tier.STAFF},
    OpenTo.STAFF: {Tier.STAFF},
    OpenTo.NOBODY: set[Tier](),
}


class Endpoint(models.Model):
    """A provider account that the site can call."""

    name = models.CharField(max_length=60, unique=True)
    provider = models.CharField(max_length=20, choices=CHOICES)
    api_base = models.URLField(blank=True, help_text="Blank: the provider's own.")
    site_key = models.TextField(blank=True, help_text="Encrypted; see core.encryption.")
    default_model = models.CharField(max_length=120, blank=True)
    is_enabled = models.BooleanField(default=True)
    max_in_flight = models.PositiveSmallIntegerField(
        default=4, validators=[MinValueValidator(1)]
    )
    call_deadline = models.DurationField(default=timedelta(minutes=10))
    position = models.PositiveSmallIntegerField(default=0)
    open_to = models.CharField(max_length=10, choices=OpenTo, default=OpenTo.MEMBERS)
    takes_own_keys = models.BooleanField(default=True)
    # The names of its models when it was last asked for them; empty: it has no list.
    listed_models = models.JSONField(default=list, blank=True)
    listed_at = models.DateTimeField(null=True, blank=True)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="llmconfig_endpoint_deadline_within_two_hours",
                condition=Q(call_deadline__gt=timedelta(0))
                & Q(call_deadline__lte=MOST_CALL_DEADLINE),
            ),
            models.CheckConstraint(
                name="llmconfig_endpoint_one_call_at_least",
                condition=Q(max_in_flight__gte=1),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def kind(self) -> Provider:
        return PROVIDERS[self.provider]

    @property
    def address(self) -> str:
        """The base address that is called, without a slash at its end."""
        return (self.api_base or self.kind.api_base).rstrip("/")

    @property
    def needs_key(self) -> bool:
        return self.kind.needs_key_at(self.address)

    def is_unverified(self, model: str) -> bool:
        """Whether no list of the provider's names `model`; it may answer all the same."""
        return self.provider != "demo" and not names_model(self.listed_models, model)

    @property
    def is_for_own_keys(self) -> bool:
        """Whether a member may bring a key: staff let them, and one changes who pays.

        Where the site's calls need none, any word would pass for a key.
        """
        is_keyless = not self.site_key and not self.needs_key
        return self.takes_own_keys and not (
            is_keyless and self.open_to != OpenTo.NOBODY
        )

    @property
    def deadline_text(self) -> str:
        seconds = int(self.call_deadline.total_seconds())
        if seconds < 60 or seconds % 60:
            return f"{seconds} second{'s' * (seconds != 1)}"
        return f"{seconds // 60} minute{'s' * (seconds != 60)}"


class ModelPrice(models.Model):
    """What staff say a model at an endpoint costs; it comes before LiteLLM's table.

    In US dollars for a million tokens; 0 means free, which is not the same as unknown.
    """

    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="entered_prices"
    )
    model = models.CharField(max_length=120)
    in_usd = models.DecimalField(max_digits=12, decimal_places=6)
    out_usd = models.DecimalField(max_digits=12, decimal_places=6)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    set_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "endpoint", Lower("model"), name="llmconfig_price_once_per_model"
            ),
            models.CheckConstraint(
                name="llmconfig_price_not_negative",
                condition=Q(in_usd__gte=0, out_usd__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return f"price of {self.model} at {self.endpoint_id}"

    @property
    def price(self) -> Price:
        """What one token costs."""
        million = Decimal(1_000_000)
        return Price(self.in_usd / million, self.out_usd / million)
