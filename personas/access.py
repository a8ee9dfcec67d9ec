"""What somebody may do with one persona, as its pages ask it."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from accounts.access import viewer_of
from personas.models import (
    Persona,
    PersonaQuerySet,
    PersonaVersion,
)


@dataclass(frozen=True)
class Rights:
    """`can_use`: ask it; `can_shape`: change its text; `can_manage`: also delete it.

    `can_read`: its definition. `has_muted`: they wish not to be shown what it writes.
    `has_versions`: it has some, even if none is met yet.
    """

    can_use: bool
    can_read: bool
    can_shape: bool
    can_manage: bool
    has_muted: bool
    has_versions: bool


def visible_persona(request: HttpRequest, slug: str) -> Persona:
    """The persona with its version and its maker; raises Http404 for who may not see it."""
    visible = Persona.objects.visible_to(viewer_of(request)).with_versions()
    persona = get_object_or_404(visible.select_related("created_by__handle"), slug=slug)
    if persona.current_version is not None:
        persona.current_version.persona = persona  # or its address would ask for it
    return persona


def shaped_persona(request: HttpRequest, slug: str) -> Persona:
    """The persona for those who may change its text; raises Http404 for others."""
    shaped = Persona.objects.shaped_by(viewer_of(request)).with_versions()
    return get_object_or_404(shaped, slug=slug)


def managed_persona(request: HttpRequest, slug: str) -> Persona:
    """The persona for those who may share and delete it; raises Http404 for others."""
    managed = Persona.objects.managed_by(viewer_of(request)).with_versions()
    return get_object_or_404(managed, slug=slug)


def rights_of(user: object, persona: Persona) -> Rights:
    """What `user` (a member, a guest or None) may do with `persona`; one query."""
    versions = PersonaVersion.objects.readable_by(user)
    found = Persona.objects.annotate(
        can_use=_holds(Persona.objects.usable_by(user)),
        can_read=Exists(versions.filter(persona=OuterRef("pk"))),
        can_shape=_holds(Persona.objects.shaped_by(user)),
        can_manage=_holds(Persona.objects.managed_by(user)),
        has_muted=_holds(Persona.objects.muted_by(user)),
        has_versions=Exists(PersonaVersion.objects.filter(persona=OuterRef("pk"))),
    )
    return Rights(**found.values(*Rights.__annotations__).get(pk=persona.pk))


def _holds(personas: PersonaQuerySet) -> Exists:
    return Exists(personas.filter(pk=OuterRef("pk")))
