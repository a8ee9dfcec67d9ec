"""What people can do with personas."""

from django.db import transaction

from accounts.models import User
from accounts.services import record
from personas.models import PersonaVersion


@transaction.atomic
def erase_version(*, version: PersonaVersion, actor: User | None) -> PersonaVersion:
    """Empty every text of `version`, for legal reasons; its number and dates stay.

    The database allows a version no other change. `actor` None: a command.
    """
    for name in ("role", "instructions", "context", "voice", "note"):
        setattr(version, name, "")
    for name in ("knowledge", "constraints", "sample_queries", "tools"):
        setattr(version, name, [])
    version.save()
    record(
        actor=actor,
        action="personaversion erased",
        subject=("personaversion", version.pk),
        persona=version.persona.name,
        number=version.number,
    )
    return version
