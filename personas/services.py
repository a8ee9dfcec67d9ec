"""What people can do with personas."""

from django.db import transaction

from personas.models import PersonaVersion


@transaction.atomic
def erase_version(*, version: PersonaVersion) -> PersonaVersion:
    """Empty every text of `version`, for legal reasons; its number and dates stay.

    The database allows a version no other change.
    """
    for name in ("role", "instructions", "context", "voice", "note"):
        setattr(version, name, "")
    for name in ("knowledge", "constraints", "sample_queries", "tools"):
        setattr(version, name, [])
    version.save()
    return version
