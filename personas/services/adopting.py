"""Personas that nobody owns, and the site owner who takes them."""

from django.db import transaction

from accounts.models import User
from accounts.services import record
from personas.models import OwnerRole, Persona, PersonaOwner
from personas.services.sharing import set_visibility


@transaction.atomic
def adopt(*, persona: Persona, member: User, visibility: str | None) -> None:
    """Make `member` the owner of a persona that has none, and say who may use it.

    `visibility` None: as it is. A persona that has an owner by now is left alone. Raises
    FallbackStays or PersonaNameTaken, having written nothing.
    """
    persona = Persona.objects.hold(persona.pk)
    if persona.owners.filter(role=OwnerRole.OWNER).exists():
        return
    if visibility is not None:
        set_visibility(persona=persona, visibility=visibility, actor=None)
    PersonaOwner.objects.update_or_create(
        persona=persona, user=member, defaults={"role": OwnerRole.OWNER}
    )
    record(
        actor=None,
        action="persona person_added",
        subject=("persona", persona.pk),
        member=member.handle.name,
        role=OwnerRole.OWNER,
    )
