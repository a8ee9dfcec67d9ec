"""As many personas as a big site has, made at once."""

from core.models import Handle
from personas.models import Persona, PersonaVersion


def add_personas(count: int) -> list[Persona]:
    """That many published personas of nobody, with names and roles as long as may be."""
    handles = Handle.objects.bulk_create(
        Handle(name=f"cook-{n:04}", skeleton=f"cook{n:04}") for n in range(count)
    )
    personas = [Persona(handle=it, slug=it.name) for it in handles]
    for persona in personas:
        persona.rename(f"Cook {persona.slug[-4:]} {'W' * 50}")
    personas = Persona.objects.bulk_create(personas)
    versions = PersonaVersion.objects.bulk_create(
        PersonaVersion(persona=it, number=1, role="r" * 300) for it in personas
    )
    for persona, version in zip(personas, versions, strict=True):
        persona.current_version = version
    Persona.objects.bulk_update(personas, ["current_version"])
    return personas
