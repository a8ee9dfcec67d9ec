"""The tables of personas, one module a subject."""

from personas.models.cards import PersonaCard
from personas.models.members import Identity, UserPersonaSettings
from personas.models.names import PersonaAlias
from personas.models.owners import OwnerRole, PersonaOwner
from personas.models.personas import Persona, PersonaQuerySet
from personas.models.prompts import SystemPrompt
from personas.models.rights import Visibility
from personas.models.versions import Definition, PersonaDraft, PersonaVersion

__all__ = [
    "Definition",
    "Identity",
    "OwnerRole",
    "Persona",
    "PersonaAlias",
    "PersonaCard",
    "PersonaDraft",
    "PersonaOwner",
    "PersonaQuerySet",
    "PersonaVersion",
    "SystemPrompt",
    "UserPersonaSettings",
    "Visibility",
]
