"""Configs, the profiles that point to them, and redirects from one model to another."""

import uuid
from typing import Any, Self

from django.conf import settings
from django.core.validators import (
    BaseValidator,
    MaxValueValidator,
    MinValueValidator,
)
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.urls import reverse

from accounts.models import User
from llmconfig.models.endpoints import Endpoint
from llmconfig.sampling import PARAMETERS
from llmconfig.taken import split

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


# What whoever makes a config decides; `context_*` say how much a prompt holds.
SETTINGS = (
    "name",
    "description",
    "endpoint",
    "model",
    "vision_model",
    *(it.name for it in PARAMETERS),
    "context_posts",
    "context_tokens",
    "fallback",
)


class LLMConfigQuerySet(models.QuerySet["LLMConfig"]):
    """Questions about many configs."""

    def of_site(self) -> Self:
        """The site's own, which everybody's requests may use."""
        return self.filter(owner=None)

    def usable_by(self, user: object) -> Self:
        """The site's configs and the member's own."""
        return self.filter(Q(owner=None) | Q(owner=user))

    def own(self, user: object) -> Self:
        """The member's own, by name."""
        mine = self.filter(owner=getattr(user, "pk", None)).exclude(owner=None)
        return mine.select_related("endpoint").order_by(Lower("name"))

    def favourites_of(self, user: object) -> Self:
        """What the member keeps beside *Ask* and may still use, in their order."""
        kept = self.usable_by(user).filter(favoured__user=user)
        enabled = kept.filter(endpoint__is_enabled=True)
        return enabled.select_related("endpoint").order_by("favoured__position")

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

    def get_absolute_url(self) -> str:
        return reverse("llmconfig:config_detail", args=[self.pk])

    def is_usable_by(self, user: object) -> bool:
        """Whether `LLMConfigQuerySet.usable_by` would have it; nobody has the site's."""
        return self.owner_id is None or self.owner_id == getattr(user, "pk", None)

    def may_be_changed_by(self, member: User) -> bool:
        """Staff change the site's, everybody their own."""
        return member.is_staff if self.owner_id is None else self.owner_id == member.pk

    @property
    def is_verified(self) -> bool:
        """Whether a list of its provider's names the model."""
        return not self.endpoint.is_unverified(self.model)

    @property
    def parameters(self) -> dict[str, Any]:
        """The sampling parameters that are set; 0 is a value, null is not sent."""
        values = {it.name: getattr(self, it.name) for it in PARAMETERS}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def left_out(self) -> dict[str, Any]:
        """Those of them that are not sent: its model does not take them there."""
        at = self.endpoint
        return split(
            self.parameters, kind=at.kind, address=at.address, model=self.model
        ).left_out


class ModelProfile(models.Model):
    """An intent that points to a config, such as `fast` or `balanced`."""

    key = models.SlugField(max_length=30, unique=True)
    # Null: nothing was set for it yet, so whoever names it is passed over.
    config = models.ForeignKey(
        LLMConfig, null=True, blank=True, on_delete=models.PROTECT
    )

    def __str__(self) -> str:
        return self.key


class RedirectQuerySet(models.QuerySet["Redirect"]):
    """Questions about many redirects."""

    def active(self) -> Self:
        """Those that were not undone."""
        return self.filter(undone_at=None)

    def leading_from(self, endpoint: Endpoint, model: str) -> Self:
        """Those that say what answers instead of `model`: its own before its endpoint's."""
        mine = Q(model__iexact=model) | Q(model="")
        return self.filter(mine, endpoint=endpoint, to__isnull=False).order_by("-model")

    def with_targets(self) -> Self:
        """With where they begin and lead, and who made them; the newest first."""
        rows = self.select_related("endpoint", "to__endpoint", "made_by__handle")
        return rows.order_by("-pk")


class Redirect(models.Model):
    """*Answer with that instead of this*: applied when a model is resolved.

    `model` blank: every model at `endpoint`. It moves no call on a member's own key to
    the site's, and it stays on record when it is undone.
    """

    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="redirects"
    )
    model = models.CharField(max_length=120, blank=True)
    to = models.ForeignKey(
        LLMConfig,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="redirects_to",
    )
    reason = models.CharField(max_length=200, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    made_at = models.DateTimeField(auto_now_add=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    undone_at = models.DateTimeField(null=True, blank=True)

    objects = RedirectQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "endpoint",
                Lower("model"),
                condition=Q(undone_at=None),
                name="llmconfig_redirect_one_active",
            ),
            # So that a config others are sent to cannot be deleted under them.
            models.CheckConstraint(
                name="llmconfig_redirect_active_leads_somewhere",
                condition=Q(undone_at__isnull=False) | Q(to__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"redirect {self.pk} from {self.endpoint_id} {self.model}"

    @property
    def source(self) -> str:
        """What it takes the place of, in words."""
        name = self.endpoint.name
        return f"{self.model} at {name}" if self.model else f"every model at {name}"


def endpoints_with_site_configs() -> models.QuerySet[Endpoint]:
    """All endpoints in their order, each with the site's configs as `configs`."""
    configs = LLMConfig.objects.of_site().order_by("name")
    return Endpoint.objects.order_by("position", "pk").prefetch_related(
        models.Prefetch("llmconfig_set", queryset=configs, to_attr="configs")
    )
