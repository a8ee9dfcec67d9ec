"""What happens to a persona as a whole."""

from django.db import transaction

from accounts.models import User
from accounts.services import record
from personas.errors import FallbackStays
from personas.models import Persona, PersonaCard


@transaction.atomic
def delete_persona(*, persona: Persona, actor: User) -> None:
    """Let nobody meet the persona any more; what it wrote stays, with its versions.

    Its handle is free for another, and what it was imported from goes. Nothing that
    points to it is cleaned: resolution passes it over. Raises FallbackStays or NotAllowed.
    """
    persona = Persona.objects.hold(persona.pk)
    if persona.is_fallback:
        raise FallbackStays
    if not persona.is_active:  # pressed twice
        return
    Persona.objects.hold_managed(persona.pk, by=actor)
    handle = persona.handle
    persona.is_active = persona.is_global_default = False
    persona.handle = None
    persona.save(
        update_fields=["is_active", "is_global_default", "handle", "updated_at"]
    )
    if handle is not None:
        handle.delete()
    persona.drafts.all().delete()
    # Up to some megabytes that nobody can take out any more.
    PersonaCard.objects.filter(persona=persona).delete()
    record(actor=actor, action="persona deleted", subject=("persona", persona.pk))
