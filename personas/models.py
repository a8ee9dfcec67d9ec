"""Personas and their versions."""

from collections.abc import Collection, Iterable
from typing import Self

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import OuterRef, Q
from django.utils.functional import cached_property

from core.handles import skeleton
from core.models import Handle
from llmconfig.models import LLMConfig


class Visibility(models.TextChoices):
    """Who may use a persona."""

    PRIVATE = "private", "Only its owners"
    PUBLIC = "public", "Everybody"


class PersonaQuerySet(models.QuerySet["Persona"]):
    """Questions about many personas."""

    def active(self) -> Self:
        return self.filter(is_active=True)

    def usable_by(self, user: object) -> Self:
        """Active personas that `user` (a member, a guest or None) may ask.

        The one rule for lists, pickers, requests and the worker; of one persona that is
        read already `Persona.is_usable_by` says it.
        """
        may_use = Q(visibility=Visibility.PUBLIC)
        member_id = getattr(user, "pk", None)
        if member_id is not None:
            own = PersonaOwner.objects.filter(user=member_id)
            may_use |= Q(pk__in=own.values("persona"))
        return self.active().filter(may_use)

    def among(self, wanted: Iterable[int]) -> Self:
        """The personas with these ids, and those that answer when no one is asked."""
        return self.filter(
            Q(pk__in=list(wanted)) | Q(is_global_default=True) | Q(is_fallback=True)
        )

    def offered_in(self, assigned: Collection[int]) -> Self:
        """Those assigned to a place, or all if none is; the two defaults always."""
        if not assigned:
            return self
        return self.among(assigned)

    def has_name(self, wanted: str) -> bool:
        """Whether one of them is called so; `wanted` is a `core.handles.skeleton`."""
        return any(
            skeleton(name) == wanted for name in self.values_list("name", flat=True)
        )

    def with_versions(self) -> Self:
        """Personas with all that resolution wants of them, in the same query."""
        owners = PersonaOwner.objects.filter(persona=OuterRef("pk")).values("user")
        return self.select_related(
            "handle", "current_version", "default_config__endpoint"
        ).annotate(owner_ids=ArraySubquery(owners))


class Persona(models.Model):
    """An AI character that members may ask; what it says of itself is in its versions."""

    handle = models.OneToOneField(Handle, on_delete=models.PROTECT)
    name = models.CharField(max_length=60)
    slug = models.SlugField(max_length=40, unique=True)
    avatar = models.CharField(max_length=16, blank=True, help_text="An emoji.")
    tags = ArrayField(models.CharField(max_length=30), default=list, blank=True)
    visibility = models.CharField(
        max_length=10, choices=Visibility, default=Visibility.PUBLIC
    )
    definition_public = models.BooleanField(default=False)
    is_builtin = models.BooleanField(default=False)
    is_fallback = models.BooleanField(default=False)
    is_global_default = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    current_version = models.ForeignKey(
        "PersonaVersion",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    default_config = models.ForeignKey(
        LLMConfig, null=True, blank=True, on_delete=models.SET_NULL
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PersonaQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["is_fallback"],
                condition=Q(is_fallback=True),
                name="personas_persona_one_fallback",
            ),
            models.UniqueConstraint(
                fields=["is_global_default"],
                condition=Q(is_global_default=True),
                name="personas_persona_one_global_default",
            ),
            models.CheckConstraint(
                name="personas_persona_fallback_stays_usable",
                condition=Q(is_fallback=False)
                | Q(is_active=True, visibility=Visibility.PUBLIC),
            ),
            models.CheckConstraint(
                name="personas_persona_default_is_usable",
                condition=Q(is_global_default=False)
                | Q(is_active=True, visibility=Visibility.PUBLIC),
            ),
        ]
        indexes = [
            models.Index(
                fields=["name"],
                condition=Q(is_active=True),
                name="personas_active_by_name",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def is_usable_by(self, user: object) -> bool:
        """Whether `PersonaQuerySet.usable_by` would have this persona."""
        is_open = self.visibility == Visibility.PUBLIC
        return self.is_active and (
            is_open or getattr(user, "pk", None) in self.owner_ids
        )

    def is_offered_in(self, assigned: Collection[int]) -> bool:
        """Whether `PersonaQuerySet.offered_in` would have this persona."""
        is_default = self.is_global_default or self.is_fallback
        return not assigned or self.pk in assigned or is_default

    @cached_property
    def owner_ids(self) -> list[int]:
        """The members who shape it; `with_versions` brings them along."""
        return list(self.owners.values_list("user", flat=True))


class PersonaVersionQuerySet(models.QuerySet["PersonaVersion"]):
    """Questions about many versions."""

    def readable_by(self, user: object) -> Self:
        """Versions whose definition is open, and those of the user's own personas."""
        may_read = Q(persona__definition_public=True) & Q(
            persona__in=Persona.objects.usable_by(user)
        )
        member_id = getattr(user, "pk", None)
        if member_id is not None:
            own = PersonaOwner.objects.filter(user=member_id)
            may_read |= Q(persona__in=own.values("persona"))
        return self.filter(may_read)


class PersonaVersion(models.Model):
    """What a persona was at one time. Never edited; an edit makes the next version."""

    persona = models.ForeignKey(
        Persona, on_delete=models.PROTECT, related_name="versions"
    )
    number = models.PositiveIntegerField()
    role = models.CharField(max_length=300)
    instructions = models.TextField(blank=True)
    context = models.TextField(blank=True)
    voice = models.TextField(blank=True)
    knowledge = models.JSONField(default=list, blank=True)
    constraints = models.JSONField(default=list, blank=True)
    sample_queries = models.JSONField(default=list, blank=True)
    tools = models.JSONField(default=list, blank=True)
    note = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(auto_now_add=True)
    reverted_from = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL
    )

    objects = PersonaVersionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["persona", "number"], name="personas_version_number_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.persona.name} v{self.number}"


class OwnerRole(models.TextChoices):
    """What an owner may do with a persona."""

    OWNER = "owner", "Owner"
    EDITOR = "editor", "Editor"


class PersonaOwner(models.Model):
    """A member who shapes a persona."""

    persona = models.ForeignKey(
        Persona, on_delete=models.CASCADE, related_name="owners"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    role = models.CharField(max_length=10, choices=OwnerRole, default=OwnerRole.OWNER)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["persona", "user"], name="personas_owner_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role} of {self.persona_id}"


class UserPersonaSettings(models.Model):
    """What one member set for one persona."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    persona = models.ForeignKey(Persona, on_delete=models.CASCADE)
    config = models.ForeignKey(
        LLMConfig, null=True, blank=True, on_delete=models.SET_NULL
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "persona"], name="personas_settings_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} on {self.persona_id}"
