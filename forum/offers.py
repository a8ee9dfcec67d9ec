"""Whom one may ask in a place, and what decides there who answers."""

from collections.abc import Collection
from typing import Any

from accounts.models import User
from forum.models import Subforum, SubforumPersona
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.resolution.resolving import resolve
from personas.models import Persona, PersonaQuerySet


def assignments_in(subforums: Collection[int]) -> dict[int, list[SubforumPersona]]:
    """The personas assigned to these subforums, by subforum; one query.

    Also those that nobody meets any more: a place is open to all only while none is
    assigned, and resolution passes them over.
    """
    rows = SubforumPersona.objects.filter(subforum__in=subforums)
    rows = rows.select_related("persona")
    found: dict[int, list[SubforumPersona]] = {}
    for row in rows:
        found.setdefault(row.subforum_id, []).append(row)
    return found


def assignments_of(subforum: Subforum) -> list[SubforumPersona]:
    """The same of one subforum."""
    return assignments_in([subforum.pk]).get(subforum.pk, [])


def inputs_in(
    subforum: Subforum,
    assignments: list[SubforumPersona],
    *,
    member: User | None,
    **chosen: Any,
) -> Inputs:
    """What decides who answers in `subforum`, which has these assignments.

    `chosen` is what a request fixes besides.
    """
    defaults = [entry.persona for entry in assignments if entry.answers_unasked]
    return Inputs(
        member=member,
        assigned=_narrowing(assignments),
        place_default=defaults[0] if defaults else None,
        place_profile=subforum.profile,
        **chosen,
    )


def offered_personas(
    assignments: list[SubforumPersona], member: object
) -> PersonaQuerySet:
    """Personas `member` may ask in a place with these assignments, by name."""
    usable = Persona.objects.usable_by(member)
    return usable.offered_in(_narrowing(assignments)).order_by("name")


def _narrowing(assignments: list[SubforumPersona]) -> frozenset[int]:
    """The assigned personas; none while none of the assignments narrows."""
    is_narrowed = any(entry.narrows for entry in assignments)
    return frozenset(entry.persona_id for entry in assignments if is_narrowed)


def subforums_offering(persona: Persona, member: object) -> list[Subforum]:
    """The subforums `member` may read in which `persona` is offered; two queries."""
    subforums = list(Subforum.objects.visible_to(member))
    assignments = assignments_in([it.pk for it in subforums])
    assigned = {key: _narrowing(entries) for key, entries in assignments.items()}
    nothing = frozenset[int]()
    return [
        it for it in subforums if persona.is_offered_in(assigned.get(it.pk, nothing))
    ]


def default_provider() -> str | None:
    """The provider that answers where nothing was chosen; blank: no model is on.

    None: something other than a model is missing.
    """
    try:
        return resolve(Inputs(member=None)).choice.endpoint.provider
    except Refused as refusal:
        return "" if refusal.error_class == "no_model" else None
