"""What can be put on trial, and how it reaches the prompt: versions, and drafts.

A draft is made into a version that is not saved, by the checks that publishing makes, so
that what is tried is what would be met.
"""

import copy
from typing import Any

from llmqueue.handlers import OnTrial
from personas.errors import DefinitionRefused
from personas.models import Persona, PersonaDraft, PersonaVersion
from personas.services.drafts import check_draft
from studio.models import Trial

# The source of a prompt's parts that are made of a draft; the key is its trial's.
DRAFT = "persona_draft"


def snapshot_of(draft: PersonaDraft) -> dict[str, Any]:
    """The draft as plain values: its definition's fields and its name.

    One that cannot be published yet is taken as it stands.
    """
    try:
        definition = check_draft(draft)
    except DefinitionRefused:
        definition = draft.definition
    return {"name": draft.name, **definition}


def problems_of(draft: PersonaDraft) -> list[str]:
    """What stands against publishing the draft as it is."""
    try:
        check_draft(draft)
    except DefinitionRefused as refusal:
        return list(refusal.problems.values())
    return []


def of_choice(chosen: PersonaVersion | PersonaDraft) -> OnTrial:
    """A version or a draft as it can be put into resolution's inputs."""
    if isinstance(chosen, PersonaVersion):
        return _of_version(chosen)
    return _of_snapshot(chosen.persona, snapshot_of(chosen), key="")


def of_trial(trial: Trial) -> OnTrial:
    """What was tried, as it was then."""
    if trial.version is not None:
        return _of_version(trial.version)
    return _of_snapshot(trial.persona, trial.definition or {}, key=str(trial.pk))


def _of_version(version: PersonaVersion) -> OnTrial:
    return OnTrial(version, ("persona_version", str(version.pk)))


def _of_snapshot(persona: Persona, snapshot: dict[str, Any], *, key: str) -> OnTrial:
    fields = dict(snapshot)
    named = copy.copy(persona)  # never saved: the name is the draft's
    named.name = fields.pop("name")
    return OnTrial(PersonaVersion(persona=named, number=0, **fields), (DRAFT, key))
