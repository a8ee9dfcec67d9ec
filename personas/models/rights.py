"""Who may meet a persona, shape it and manage it: the one place of these rules."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

from accounts.models import User
from personas.models.owners import OwnerRole, PersonaOwner

if TYPE_CHECKING:
    from personas.models.personas import Persona  # noqa: F401 (it is named as text)


class Visibility(models.TextChoices):
    """Who may use a persona."""

    PRIVATE = "private", "Only its owners and editors"
    GROUPS = "groups", "Members of chosen groups"
    PUBLIC = "public", "Everybody"


class RightsQuerySet(models.QuerySet["Persona"]):
    """Which of many personas somebody may meet, read and change."""

    def active(self) -> Self:
        """Those that somebody can meet: published, and not deleted."""
        return self.filter(is_active=True, current_version__isnull=False)

    def open_to_all(self) -> Self:
        """Those that everybody may ask; only these answer as a default."""
        return self.active().filter(visibility=Visibility.PUBLIC)

    def usable_by(self, user: object) -> Self:
        """Active personas that `user` (a member, a guest or None) may ask.

        The one rule for lists, pickers, requests and the worker; of one persona that is
        read already `Persona.is_usable_by` says it.
        """
        return self.active().open_to(user)

    def met_by(self, user: object) -> Self:
        """Personas that `user` may know of: usable ones, and deleted ones that were."""
        return self.filter(current_version__isnull=False).open_to(user)

    def open_to(self, user: object) -> Self:
        """The half of `usable_by` that is about the user, whatever became of them."""
        may_use = Q(visibility=Visibility.PUBLIC)
        if isinstance(user, User):
            # The keys of groups, and not their names' join: a member has few of them.
            groups = User.groups.through.objects.filter(user=user).values("group")
            open_to = self.model.groups.through.objects.filter(group__in=groups)
            may_use |= Q(pk__in=keys_owned_by(user))
            may_use |= Q(visibility=Visibility.GROUPS, pk__in=open_to.values("persona"))
        return self.filter(may_use)

    def shaped_by(self, user: object) -> Self:
        """Personas whose text `user` may read and change, published or not.

        Their owners and editors; of those that came with the site, staff; superusers any.
        """
        return self.filter(is_active=True).filter(_is_in_hands_of(user))

    def managed_by(self, user: object) -> Self:
        """Personas that `user` may also share, hand over and delete: not their editors."""
        is_theirs = _is_in_hands_of(user, role=OwnerRole.OWNER)
        return self.filter(is_active=True).filter(is_theirs)

    def readable_by(self, user: object) -> Self:
        """Personas whose definition `user` may read; see PersonaVersion's of that name."""
        usable = self.model.objects.usable_by(user).values("pk")
        is_open = Q(definition_public=True, pk__in=usable)
        shaped = self.model.objects.shaped_by(user).values("pk")
        return self.filter(is_active=True).filter(is_open | Q(pk__in=shaped))

    def visible_to(self, user: object) -> Self:
        """Personas whose page `user` may open; staff look after all that are not deleted."""
        kept = self.filter(is_active=True)
        if isinstance(user, User) and (user.is_staff or user.is_superuser):
            return kept
        usable = self.model.objects.usable_by(user).values("pk")
        return kept.filter(Q(pk__in=usable) | _is_in_hands_of(user))

    def listed_for(self, user: object) -> Self:
        """The catalogue of `user`: what they may use, and what they are writing."""
        usable = self.model.objects.usable_by(user).values("pk")
        return self.filter(is_active=True).filter(Q(pk__in=usable) | is_of(user))


def keys_owned_by(user: User, **role: str) -> models.QuerySet[PersonaOwner, int]:
    """The keys of personas in whose list of owners and editors `user` stands."""
    return PersonaOwner.objects.filter(user=user, **role).values_list(
        "persona", flat=True
    )


def is_of(user: object) -> Q:
    """Of a persona, that `user` owns or edits it; a guest none."""
    return Q(pk__in=keys_owned_by(user) if isinstance(user, User) else [])


def _is_in_hands_of(user: object, **role: str) -> Q:
    if not isinstance(user, User):
        return Q(pk__in=[])
    if user.is_superuser:
        return Q()
    theirs = Q(pk__in=keys_owned_by(user, **role))
    return theirs | Q(is_builtin=True) if user.is_staff else theirs
