"""Who may use a persona, and who may read what it is told."""

from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services import record
from core.errors import NameRefused
from core.handles import skeleton
from core.services import check_display_name
from personas.errors import FallbackStays, PersonaNameTaken
from personas.models import Persona, Visibility
from personas.services.naming import hold_name


@transaction.atomic
def share(
    *,
    persona: Persona,
    visibility: str,
    groups: Iterable[Group],
    definition_public: bool,
    own_prompt_allowed: bool,
    actor: User,
) -> list[str]:
    """Say who may use the persona, who may read its definition, and who may add to it.

    `groups` count while the visibility is "groups". Returns what else had to change, a
    sentence each. Raises FallbackStays, NotAllowed or PersonaNameTaken, having written
    nothing.
    """
    persona = Persona.objects.hold_managed(persona.pk, by=actor)
    persona.definition_public = definition_public
    persona.own_prompt_allowed = own_prompt_allowed
    changes = _show_to(persona, visibility)
    persona.groups.set(groups if visibility == Visibility.GROUPS else [])
    _record(persona, actor)
    return changes


@transaction.atomic
def set_visibility(
    *, persona: Persona, visibility: str, actor: User | None
) -> list[str]:
    """As `share`, and leave the rest as it is. `actor` None: a command.

    Staff look after the personas of all. Raises NotAllowed as well.
    """
    is_staff = actor is not None and actor.is_staff
    persona = Persona.objects.hold_managed(persona.pk, by=None if is_staff else actor)
    if persona.visibility == visibility:
        return []
    changes = _show_to(persona, visibility)
    if visibility != Visibility.GROUPS:
        persona.groups.clear()
    _record(persona, actor)
    return changes


def _show_to(persona: Persona, visibility: str) -> list[str]:
    """Save a held persona with this visibility and what follows from it."""
    changes = []
    is_public = visibility == Visibility.PUBLIC
    if persona.is_fallback and not is_public:
        raise FallbackStays
    if is_public and persona.visibility != visibility:
        _check_name(persona)
    if persona.is_global_default and not is_public:
        persona.is_global_default = False
        changes.append("It is not the site's default persona any more.")
    config = persona.default_config
    is_private = visibility == Visibility.PRIVATE
    if config is not None and config.owner_id is not None and not is_private:
        persona.default_config = None
        changes.append(
            "Its own model was a member's; now it answers with whatever model fits."
        )
    persona.visibility = visibility
    try:
        with transaction.atomic():
            persona.save()
    except IntegrityError:  # somebody took the name in this moment
        raise PersonaNameTaken from None
    return changes


def _check_name(persona: Persona) -> None:
    """Nobody should take it for another persona, nor for a member.

    While it was private its name kept nobody from taking a handle like it.
    """
    hold_name(persona.name)
    others = Persona.objects.exclude(pk=persona.pk)
    if others.has_name({skeleton(persona.name)}):
        raise PersonaNameTaken
    if persona.handle is not None:
        try:
            check_display_name(name=persona.name, handle=persona.handle)
        except NameRefused as refusal:
            raise PersonaNameTaken(refusal.message) from None


def _record(persona: Persona, actor: User | None) -> None:
    record(
        actor=actor,
        action="persona shared",
        subject=("persona", persona.pk),
        visibility=persona.visibility,
        definition_public=persona.definition_public,
        own_prompt_allowed=persona.own_prompt_allowed,
    )
