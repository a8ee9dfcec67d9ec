"""Whose instructions a persona gets: the member's own > its version's > the site's."""

from dataclasses import dataclass

from llmqueue.handlers import Inputs
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.receipts import (
    Instructions,
    Level,
    Passed,
    Rung,
    Step,
    climb,
    survey,
)
from personas.models import Persona, PersonaVersion


@dataclass(frozen=True)
class _Context:
    inputs: Inputs
    persona: Persona
    version: PersonaVersion
    lookups: Lookups

    @property
    def version_name(self) -> str:
        return f"{self.persona.name} {self.version.label}"


def resolve_prompt(
    inputs: Inputs, persona: Persona, version: PersonaVersion, lookups: Lookups
) -> tuple[Instructions, tuple[Step, ...]]:
    """The instructions for `version` of the persona, and the steps to them."""
    context = _Context(inputs, persona, version, lookups)
    instructions, steps = climb(_LADDER, context)
    return instructions or Instructions(), steps


def survey_prompts(
    inputs: Inputs, persona: Persona, version: PersonaVersion, lookups: Lookups
) -> list[Level[Instructions]]:
    """What each level says for `persona`, also below the one that decides."""
    return survey(_LADDER, _Context(inputs, persona, version, lookups))


def _own(context: _Context) -> Instructions | Passed:
    member, persona = context.inputs.member, context.persona
    if context.inputs.on_trial is not None:
        return Passed("What is on trial is tried as it is written.")
    own = context.lookups.own_settings(member, persona)
    if member is None or own is None or not own.has_own_prompt:
        return Passed(
            f"The member wrote no instructions of their own for {persona.name}."
        )
    if not persona.own_prompt_allowed:
        return Passed(
            f"{persona.name}'s owner does not allow the instructions that the member"
            " wrote."
        )
    whose = f"@{member.handle.name}'s own instructions"
    return Instructions(
        f"{whose}; role and constraints are those of {context.version_name}.", own=own
    )


def _version(context: _Context) -> Instructions | Passed:
    if not context.version.says_more_than_role:
        return Passed(f"{context.version_name} says nothing beyond its role.")
    return Instructions(context.version_name)


def _site(context: _Context) -> Instructions | Passed:
    prompt = context.lookups.site_prompt
    if prompt is None:
        return Passed("The site has no default instructions.")
    return Instructions(
        f"The site's {prompt.name}; the role is that of {context.version_name}.",
        site=prompt,
    )


def _role_alone(context: _Context) -> Instructions:
    return Instructions(f"{context.version_name}, its role alone.")


_LADDER: tuple[Rung[_Context, Instructions], ...] = (
    ("the member's own for this persona", _own),
    ("the persona's own", _version),
    ("the site's default", _site),
    ("the role alone", _role_alone),
)
