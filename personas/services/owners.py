"""Who shapes a persona: owners and editors, and how they come and go.

Every change holds the persona, so that two at once cannot leave it without an owner.
"""

from django.db import transaction

from accounts.models import User
from accounts.services import record
from personas import newcomers
from personas.errors import AlreadyThere, OwnerNeeded
from personas.models import OwnerRole, Persona, PersonaOwner


@transaction.atomic
def add_person(
    *, persona: Persona, member: User, role: str, actor: User
) -> PersonaOwner:
    """Let `member` shape the persona as its owner or editor, and tell them.

    Raises AlreadyThere or NotAllowed.
    """
    persona = Persona.objects.hold_managed(persona.pk, by=actor)
    entry, is_new = PersonaOwner.objects.get_or_create(
        persona=persona, user=member, defaults={"role": role}
    )
    if not is_new:
        raise AlreadyThere
    _record(actor, "person_added", persona, member, role=role)
    if member != actor:
        newcomers.tell(persona, member)
    return entry


@transaction.atomic
def change_role(*, persona: Persona, member: User, role: str, actor: User) -> None:
    """Make a person of the list its owner or editor; a new owner is told.

    Raises NotAllowed or OwnerNeeded.
    """
    persona = Persona.objects.hold_managed(persona.pk, by=actor)
    if persona.owners.filter(user=member).exclude(role=role).update(role=role):
        _check_owned(persona)
        _record(actor, "role_changed", persona, member, role=role)
        if role == OwnerRole.OWNER and member != actor:
            newcomers.tell(persona, member)


@transaction.atomic
def remove_person(*, persona: Persona, member: User, actor: User) -> None:
    """Take a person from the list, also oneself. Raises NotAllowed or OwnerNeeded.

    If the persona answers with that member's own model, it has none of its own then.
    """
    persona = Persona.objects.hold_managed(
        persona.pk, by=None if member == actor else actor
    )
    count, _ = persona.owners.filter(user=member).delete()
    if not count:
        return
    _check_owned(persona)
    config = persona.default_config
    if config is not None and config.owner_id == member.pk:
        persona.default_config = None
        persona.save(update_fields=["default_config", "updated_at"])
    _record(actor, "person_removed", persona, member)


@transaction.atomic
def transfer(*, persona: Persona, member: User, actor: User) -> None:
    """Make `member` the owner, and tell them; the actor, if in the list, stays as an editor.

    Raises AlreadyThere or NotAllowed.
    """
    persona = Persona.objects.hold_managed(persona.pk, by=actor)
    if member == actor:
        raise AlreadyThere("It is yours already.")
    PersonaOwner.objects.update_or_create(
        persona=persona, user=member, defaults={"role": OwnerRole.OWNER}
    )
    persona.owners.filter(user=actor).update(role=OwnerRole.EDITOR)
    _record(actor, "transferred", persona, member)
    newcomers.tell(persona, member)


def _check_owned(persona: Persona) -> None:
    """Staff look after what came with the site; anything else needs an owner."""
    is_owned = persona.owners.filter(role=OwnerRole.OWNER).exists()
    if not (persona.is_builtin or is_owned):
        raise OwnerNeeded


def _record(
    actor: User, verb: str, persona: Persona, member: User, **detail: str
) -> None:
    record(
        actor=actor,
        action=f"persona {verb}",
        subject=("persona", persona.pk),
        member=member.handle.name,
        **detail,
    )
