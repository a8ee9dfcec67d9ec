"""What a member is to personas, and what they set for each."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, ExpressionWrapper, F, OuterRef, Q
from django.db.models.functions import Lower
from django.utils.functional import cached_property

from llmconfig.models import LLMConfig
from personas.models.personas import Persona


class IdentityQuerySet(models.QuerySet["Identity"]):
    """Questions about many identities."""

    def of(self, user: object) -> Self:
        """The user's own, by name; to everybody else they do not exist."""
        return self.filter(user=getattr(user, "pk", None)).order_by("name")

    def told_to(self, persona: Persona, *, by: object) -> "Identity | None":
        """The one the member chose for the persona, else their default one.

        None if that is not public, as what a persona writes is read by others.
        """
        chosen = UserPersonaSettings.objects.filter(
            identity=OuterRef("pk"), user=OuterRef("user"), persona=persona
        )
        own = self.of(by).annotate(is_chosen=Exists(chosen))
        found = own.filter(Q(is_chosen=True) | Q(is_default=True))
        told = found.order_by("-is_chosen").first()
        return told if told and told.is_public else None


class Identity(models.Model):
    """How a member presents themselves to personas.

    Only one that is `is_public` enters the prompt of a topic that others read.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="identities"
    )
    name = models.CharField(max_length=60)
    description = models.TextField(blank=True)
    is_default = models.BooleanField(default=False)
    is_public = models.BooleanField(default=False)

    objects = IdentityQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "identities"
        constraints = [
            models.UniqueConstraint(
                F("user"), Lower("name"), name="personas_identity_name_once"
            ),
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(is_default=True),
                name="personas_identity_one_default",
            ),
        ]

    def __str__(self) -> str:
        # Not its name: that is for its owner alone.
        return f"identity {self.pk} of {self.user_id}"


class UserPersonaSettingsQuerySet(models.QuerySet["UserPersonaSettings"]):
    """Questions about what many members set."""

    def with_choices(self) -> Self:
        """Rows with their model, and `has_own_prompt` in the place of the long text."""
        rows = self.select_related("config__endpoint").defer("own_prompt")
        return rows.annotate(
            has_own_prompt=ExpressionWrapper(
                ~Q(own_prompt=""), output_field=models.BooleanField()
            )
        )

    def of_models(self, user: object) -> Self:
        """The user's own for which they set a model, for personas they may ask."""
        usable = Persona.objects.usable_by(user).values("pk")
        own = self.filter(user=getattr(user, "pk", None), persona__in=usable)
        rows = own.exclude(config=None).select_related("persona", "config__endpoint")
        return rows.defer("own_prompt")


class UserPersonaSettings(models.Model):
    """What one member set for one persona.

    `identity` None: their default one. `own_prompt` counts only while the persona's
    owner allows it.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    persona = models.ForeignKey(Persona, on_delete=models.CASCADE)
    config = models.ForeignKey(
        LLMConfig, null=True, blank=True, on_delete=models.SET_NULL
    )
    identity = models.ForeignKey(
        Identity, null=True, blank=True, on_delete=models.SET_NULL
    )
    own_prompt = models.TextField(blank=True)
    is_muted = models.BooleanField(default=False)

    objects = UserPersonaSettingsQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "persona"], name="personas_settings_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} on {self.persona_id}"

    @cached_property
    def has_own_prompt(self) -> bool:
        """Whether they wrote instructions; `with_choices` brings it along."""
        return bool(self.own_prompt)
