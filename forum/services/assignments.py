"""Which personas belong to a subforum, and which of them answers when none is asked."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from accounts.models import User
from accounts.services import record
from core.models import SiteSettings
from forum.errors import NotAssigned, OnlyStaffAssign, PersonaNotOffered
from forum.models import Subforum, SubforumPersona
from personas.errors import NotPublic
from personas.models import Persona

# Personas that the pages of subforums and topics name; a link leads to the others.
MOST_IN_BAR = 8


@dataclass(frozen=True)
class PersonaBar:
    """The first of a place's personas, the default before the others; `count`: of all.

    `is_narrowed`: others cannot be asked there, even if there are none of these.
    """

    entries: list[SubforumPersona]
    count: int
    is_narrowed: bool


def persona_bar(subforum: Subforum, viewer: object) -> PersonaBar:
    """The personas assigned to `subforum` that `viewer` may ask; one query."""
    assigned = SubforumPersona.objects.filter(subforum=subforum)
    found: list[Any] = list(assigned.first_for(viewer, MOST_IN_BAR))
    return PersonaBar(
        entries=[entry for entry in found if entry.is_usable],
        count=found[0].count if found else 0,
        is_narrowed=bool(found) and found[0].is_narrowed,
    )


def may_assign(member: object) -> bool:
    """Whether `member` may assign the personas that they may use, and set defaults."""
    if not isinstance(member, User):
        return False
    return member.is_staff or not SiteSettings.load().only_staff_assign


@transaction.atomic
def assign(*, subforum: Subforum, persona: Persona, actor: User) -> SubforumPersona:
    """Let `persona` be asked in `subforum`; once is enough.

    Raises OnlyStaffAssign, or PersonaNotOffered if the actor may not use the persona.
    """
    _check(persona, actor)
    entry, is_new = SubforumPersona.objects.get_or_create(
        subforum=subforum, persona=persona, defaults={"assigned_by": actor}
    )
    if is_new:
        _record(actor, "persona_assigned", subforum, persona)
    return entry


@transaction.atomic
def unassign(*, subforum: Subforum, persona: Persona, actor: User) -> None:
    """Take `persona` from `subforum`, and with it its being the default there.

    A deleted one anybody may take away who may assign. Raises what `assign` raises.
    """
    if persona.is_active or not may_assign(actor):
        _check(persona, actor)
    count, _ = SubforumPersona.objects.filter(
        subforum=subforum, persona=persona
    ).delete()
    if count:
        _record(actor, "persona_unassigned", subforum, persona)


@transaction.atomic
def set_default(*, subforum: Subforum, persona: Persona, actor: User) -> None:
    """Let `persona`, which is assigned there, answer when nobody in particular is asked.

    Raises OnlyStaffAssign, PersonaNotOffered, NotAssigned or NotPublic; then the old
    default stays.
    """
    _check(persona, actor)
    entries = _hold(subforum).assignments
    if not entries.filter(persona=persona).exists():
        raise NotAssigned
    # Held, so that it is not hidden in this moment.
    if not Persona.objects.hold(persona.pk).is_open_to_all:
        raise NotPublic
    entries.filter(is_default=True).exclude(persona=persona).update(is_default=False)
    if entries.filter(persona=persona, is_default=False).update(is_default=True):
        _record(actor, "default_set", subforum, persona)


@transaction.atomic
def clear_default(*, subforum: Subforum, actor: User) -> None:
    """Leave it to the site's default who answers there. Raises OnlyStaffAssign."""
    if not may_assign(actor):
        raise OnlyStaffAssign
    entries = _hold(subforum).assignments
    if entries.filter(is_default=True).update(is_default=False):
        _record(actor, "default_cleared", subforum)


def _check(persona: Persona, actor: User) -> None:
    if not may_assign(actor):
        raise OnlyStaffAssign
    if not Persona.objects.usable_by(actor).filter(pk=persona.pk).exists():
        raise PersonaNotOffered


def _hold(subforum: Subforum) -> Subforum:
    return Subforum.objects.select_for_update(no_key=True).get(pk=subforum.pk)


def _record(
    actor: User, verb: str, subforum: Subforum, persona: Persona | None = None
) -> None:
    about = {} if persona is None else {"persona": persona.pk}
    record(
        actor=actor,
        action=f"subforum {verb}",
        subject=("subforum", subforum.pk),
        **about,
    )
