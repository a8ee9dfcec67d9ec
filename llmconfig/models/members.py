"""What a member set for themselves about models, and the keys they brought."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from llmconfig.models.configs import LLMConfig
from llmconfig.models.endpoints import Endpoint


class BudgetPeriod(models.TextChoices):
    """When a member's own budget begins anew."""

    DAILY = "daily", "A day"
    MONTHLY = "monthly", "A month"
    TOTAL = "total", "In all"


class AISettings(models.Model):
    """What a member set for themselves; made on demand."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="ai_settings"
    )
    default_config = models.ForeignKey(
        LLMConfig, null=True, blank=True, on_delete=models.SET_NULL
    )
    ai_enabled = models.BooleanField(default=True)
    # Their own ceiling, kept on their own key as well; null: none.
    budget_usd = models.DecimalField(
        max_digits=10, decimal_places=4, null=True, blank=True
    )
    budget_requests = models.PositiveIntegerField(null=True, blank=True)
    budget_period = models.CharField(
        max_length=10, choices=BudgetPeriod, default=BudgetPeriod.MONTHLY
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="llmconfig_aisettings_budget_not_negative",
                condition=Q(budget_usd__isnull=True) | Q(budget_usd__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return f"AI settings of {self.user_id}"


class ProviderPreferenceQuerySet(models.QuerySet["ProviderPreference"]):
    """Questions about many preferences."""

    def of(self, user: object) -> Self:
        """The user's own with their endpoints, in the site's order."""
        own = self.filter(user=getattr(user, "pk", None)).select_related("endpoint")
        return own.order_by("endpoint__position", "pk")

    def that_serve(self) -> Self:
        """Those whose endpoint is switched on."""
        return self.filter(endpoint__is_enabled=True)


class ProviderPreference(models.Model):
    """The model a member wants of one endpoint when that endpoint is asked for."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE)
    model = models.CharField(max_length=120)
    uses = models.PositiveIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = ProviderPreferenceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "endpoint"],
                name="llmconfig_preference_once_per_endpoint",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} at {self.endpoint_id}"


class Favourite(models.Model):
    """A config that a member keeps at hand beside *Ask*."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="favourites"
    )
    config = models.ForeignKey(
        LLMConfig, on_delete=models.CASCADE, related_name="favoured"
    )
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "config"], name="llmconfig_favourite_once"
            ),
        ]

    def __str__(self) -> str:
        return f"favourite {self.config_id} of {self.user_id}"


class KeyState(models.TextChoices):
    """What is known of a member's key."""

    UNTESTED = "untested", "Not tried yet"
    WORKS = "works", "Works"
    REFUSED = "refused", "Refused by the provider"


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Questions about many keys; none of them reads a secret."""

    def of(self, user: object) -> Self:
        """The user's own with their endpoints, in the site's order."""
        own = self.filter(user=getattr(user, "pk", None)).defer("secret")
        return own.select_related("endpoint").order_by("endpoint__position", "pk")

    def given_for(self, endpoint: Endpoint, *, host: str) -> Self:
        """Those for `endpoint` that are sent to this host, and to no other."""
        return self.filter(endpoint=endpoint, host=host)

    def at(self, endpoint: Endpoint, *, owner: object) -> Self:
        """The one key that `owner` has for `endpoint`, if there is one."""
        return self.filter(user=getattr(owner, "pk", None), endpoint=endpoint)


class ApiKey(models.Model):
    """A member's own key for an endpoint; write-only, and decrypted only to be used.

    `secret` is encrypted together with its owner and the host it was given for.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys"
    )
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="member_keys"
    )
    secret = models.TextField(help_text="Encrypted; see core.encryption.")
    nickname = models.CharField(max_length=60, blank=True)
    last_four = models.CharField(max_length=4, blank=True)
    # What stands inside the secret, too: pages can say that the endpoint has moved.
    host = models.CharField(max_length=260, blank=True, db_default="")
    state = models.CharField(max_length=10, choices=KeyState, default=KeyState.UNTESTED)
    state_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "endpoint"], name="llmconfig_apikey_once_per_endpoint"
            ),
        ]

    def __str__(self) -> str:
        return f"key {self.pk} of {self.user_id} at {self.endpoint_id}"
