"""Endpoints, configs, profiles, and what a member prefers."""

import uuid
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.core.validators import (
    BaseValidator,
    MaxValueValidator,
    MinValueValidator,
)
from django.db import models
from django.db.models import Prefetch, Q
from django.db.models.functions import Lower

from llmconfig.providers import CHOICES, PROVIDERS, Provider
from llmconfig.sampling import PARAMETERS

MOST_CALL_DEADLINE = timedelta(hours=2)


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    """Questions about many endpoints."""

    def in_order(self) -> Self:
        """Enabled endpoints, the site's first choice first."""
        return self.filter(is_enabled=True).order_by("position", "pk")

    def named(self, name: str) -> Self:
        """The endpoint of this name, however it is capitalised."""
        return self.filter(name__iexact=name)

    def with_site_configs(self) -> Self:
        """All endpoints in the same order, each with the site's configs as `configs`."""
        configs = LLMConfig.objects.of_site().order_by("name")
        return self.order_by("position", "pk").prefetch_related(
            Prefetch("llmconfig_set", queryset=configs, to_attr="configs")
        )


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

    @property
    def deadline_text(self) -> str:
        seconds = int(self.call_deadline.total_seconds())
        if seconds < 60 or seconds % 60:
            return f"{seconds} second{'s' * (seconds != 1)}"
        return f"{seconds // 60} minute{'s' * (seconds != 60)}"


# Lowest and highest of what a config may hold; None: without end.
_RANGES: dict[str, tuple[int, int | None]] = {
    **{it.name: it.limits for it in PARAMETERS if it.limits is not None},
    "context_posts": (0, 200),
    "context_tokens": (0, 1_000_000),
}


def _within(name: str) -> list[BaseValidator]:
    """The range of `name` as validators, for forms; `_range_check` is the database's."""
    low, high = _RANGES[name]
    ends: list[BaseValidator] = [MinValueValidator(low)]
    return ends if high is None else [*ends, MaxValueValidator(high)]


def _range_check(name: str) -> models.CheckConstraint:
    low, high = _RANGES[name]
    condition = Q(**{f"{name}__gte": low})
    if high is not None:
        condition &= Q(**{f"{name}__lte": high})
    return models.CheckConstraint(
        name=f"llmconfig_config_{name}_in_range", condition=condition
    )


def _parameter(name: str) -> "models.FloatField[float | None, float | None]":
    """A sampling parameter; null means it is not sent, 0 means 0."""
    return models.FloatField(null=True, blank=True, validators=_within(name))


class LLMConfigQuerySet(models.QuerySet["LLMConfig"]):
    """Questions about many configs."""

    def of_site(self) -> Self:
        """The site's own, which everybody's requests may use."""
        return self.filter(owner=None)

    def usable_by(self, user: object) -> Self:
        """The site's configs and the member's own."""
        return self.filter(Q(owner=None) | Q(owner=user))

    def default(self) -> "LLMConfig | None":
        """The config that answers where nothing else was chosen, with its endpoint."""
        return self.filter(is_default=True).select_related("endpoint").first()


class LLMConfig(models.Model):
    """A named model with its parameters; the site's own when `owner` is null."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=60)
    description = models.CharField(max_length=200, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    is_global = models.BooleanField(default=False)
    is_default = models.BooleanField(default=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT)
    model = models.CharField(max_length=120)
    vision_model = models.CharField(max_length=120, blank=True)
    temperature = _parameter("temperature")
    top_p = _parameter("top_p")
    top_k = models.PositiveIntegerField(null=True, blank=True)
    frequency_penalty = _parameter("frequency_penalty")
    presence_penalty = _parameter("presence_penalty")
    repetition_penalty = _parameter("repetition_penalty")
    max_tokens = models.PositiveIntegerField(
        null=True, blank=True, validators=_within("max_tokens")
    )
    context_posts = models.PositiveSmallIntegerField(
        default=20, validators=_within("context_posts")
    )
    context_tokens = models.PositiveIntegerField(
        default=2000, validators=_within("context_tokens")
    )
    fallback = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects = LLMConfigQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="llmconfig_config_global_without_owner",
                condition=Q(is_global=True, owner__isnull=True)
                | Q(is_global=False, owner__isnull=False),
            ),
            models.CheckConstraint(
                name="llmconfig_config_default_is_global",
                condition=Q(is_default=False) | Q(is_global=True),
            ),
            models.UniqueConstraint(
                fields=["is_default"],
                condition=Q(is_default=True),
                name="llmconfig_config_one_default",
            ),
            models.UniqueConstraint(
                Lower("name"),
                "owner",
                name="llmconfig_config_name_once_per_owner",
                nulls_distinct=False,
            ),
            *(_range_check(name) for name in _RANGES),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def parameters(self) -> dict[str, Any]:
        """The sampling parameters that are set; 0 is a value, null is not sent."""
        values = {it.name: getattr(self, it.name) for it in PARAMETERS}
        return {name: value for name, value in values.items() if value is not None}


class ModelProfile(models.Model):
    """An intent that points to a config, such as `fast` or `balanced`."""

    key = models.SlugField(max_length=30, unique=True)
    config = models.ForeignKey(LLMConfig, on_delete=models.PROTECT)

    def __str__(self) -> str:
        return self.key


class AISettings(models.Model):
    """What a member set for themselves; made on demand."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="ai_settings"
    )
    default_config = models.ForeignKey(
        LLMConfig, null=True, blank=True, on_delete=models.SET_NULL
    )
    ai_enabled = models.BooleanField(default=True)

    def __str__(self) -> str:
        return f"AI settings of {self.user_id}"


class ProviderPreference(models.Model):
    """The model a member wants of one endpoint when that endpoint is asked for."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE)
    model = models.CharField(max_length=120)
    uses = models.PositiveIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "endpoint"],
                name="llmconfig_preference_once_per_endpoint",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} at {self.endpoint_id}"
