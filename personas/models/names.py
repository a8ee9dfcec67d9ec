"""Other names of personas."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from accounts.models import User
from personas.models.personas import Persona


class PersonaAliasQuerySet(models.QuerySet["PersonaAlias"]):
    """Questions about many aliases."""

    def known_to(self, user: object) -> Self:
        """The site's aliases and the user's own, of personas that the user may ask."""
        of_persona = Q(persona__in=Persona.objects.usable_by(user))
        return self.filter(of_persona, Q(user=None) | Q(user=getattr(user, "pk", None)))

    def personas_like(self, text: str) -> "models.QuerySet[PersonaAlias, int]":
        """The keys of personas in whose aliases `text` stands."""
        return self.filter(name__icontains=text).values_list("persona", flat=True)

    def with_personas(self) -> Self:
        """By name, each with its persona."""
        return self.select_related("persona").order_by(Lower("name"))

    def own_first(self) -> Self:
        """A member's own before the site's."""
        return self.order_by(F("user").asc(nulls_last=True))

    def in_scope(self, user: User | None) -> Self:
        """One member's own, or the site's when `user` is None."""
        return self.filter(user=user)

    def removable_by(self, user: object) -> Self:
        """The user's own, also of personas they may no longer meet; staff the site's too."""
        own = Q(user=getattr(user, "pk", None), user__isnull=False)
        if isinstance(user, User) and user.is_staff:
            own |= Q(user=None, persona__in=Persona.objects.visible_to(user))
        return self.filter(own)


class PersonaAlias(models.Model):
    """Another name of a persona: one member's own, or the site's when `user` is None."""

    persona = models.ForeignKey(
        Persona, on_delete=models.CASCADE, related_name="aliases"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="persona_aliases",
    )
    name = models.CharField(max_length=100)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PersonaAliasQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "persona aliases"
        constraints = [
            models.UniqueConstraint(
                F("user"),
                Lower("name"),
                condition=Q(user__isnull=False),
                name="personas_alias_once_a_member",
            ),
            models.UniqueConstraint(
                Lower("name"),
                condition=Q(user__isnull=True),
                name="personas_alias_once_on_site",
            ),
        ]

    def __str__(self) -> str:
        return self.name
