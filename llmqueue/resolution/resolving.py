"""Who answers a request, with which model and why: one function, one order.

The worker, the pages and the previews all call `resolve`. First match wins and each
step that is passed over says why. Defaults are looked up here, when the work runs;
nothing is copied when a persona, a subforum or a request is made.
"""

from typing import Any

from llmconfig.models import LLMConfig
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.resolution.config_ladder import offer, resolve_config
from llmqueue.resolution.key_ladder import resolve_key
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.persona_ladder import resolve_persona
from llmqueue.resolution.prompt_ladder import resolve_prompt
from llmqueue.resolution.receipts import (
    FALLBACK_RULE,
    Instructions,
    ModelChoice,
    Passed,
    Receipt,
    Step,
    model_of,
)
from llmqueue.resolution.seeing import note_of_blindness, seeing
from llmqueue.resolution.tier_rule import check_tier, within_tier
from personas.models import Persona


def resolve(inputs: Inputs, lookups: Lookups | None = None) -> Receipt:
    """Choose persona, config, system prompt and key for `inputs`, and say why.

    `lookups`: those of a page of requests, of which `inputs` is one. Raises Refused when
    nothing is left that may answer, or no model or key is set.
    """
    lookups = lookups or Lookups([inputs])
    persona, persona_steps = resolve_persona(inputs, lookups)
    choice, steps = resolve_config(inputs, persona, lookups)
    notes: tuple[str, ...] = ()
    if swap := within_tier(inputs, choice, lookups):
        choice, steps, notes = swap.choice, (*steps, swap.step), (swap.note,)
    choice, seen_by = seeing(inputs, choice, lookups)
    steps = (*steps, *seen_by)
    return _receipt(inputs, lookups, persona, persona_steps, choice, steps, *notes)


def resolve_fallback(
    inputs: Inputs,
    fallback: LLMConfig,
    *,
    failed: dict[str, Any],
    told: str,
    lookups: Lookups | None = None,
) -> Receipt:
    """As `resolve`, with `fallback` in the place of a model whose calls are used up.

    `failed` is the stored receipt of the last of these, `told` what became of it as the
    end of a sentence; no other model is looked for.
    The fallback is checked like any other choice: raises Refused when it is switched off,
    has no key or is not for the member's tier. After the member's own key only that is
    used, where the fallback is. The swap is announced, in words that hold before the call.
    """
    lookups = lookups or Lookups([inputs])
    persona, persona_steps = resolve_persona(inputs, lookups)
    choice = offer(fallback, member=inputs.member, lookups=lookups)
    if isinstance(choice, Passed):
        raise Refused("no_model", choice.reason, is_failure=True)
    choice, seen_by = seeing(inputs, choice, lookups)
    if choice.as_json() == failed["model"]:  # a redirect led back to it
        raise Refused("no_model", f"{choice} has just failed.", is_failure=True)
    check_tier(inputs, choice, lookups)
    note = f"{model_of(failed)} {told}; {fallback} was asked instead."
    steps = (
        *(Step(**step) for step in failed["steps"]["config"]),
        Step(FALLBACK_RULE, True, note),
        *choice.redirects,
        *seen_by,
    )
    return _receipt(
        inputs,
        lookups,
        persona,
        persona_steps,
        choice,
        steps,
        note,
        own_only=failed["key"] == "member",
    )


def _receipt(
    inputs: Inputs,
    lookups: Lookups,
    persona: Persona,
    persona_steps: tuple[Step, ...],
    choice: ModelChoice,
    config_steps: tuple[Step, ...],
    *notes: str,
    own_only: bool = False,
) -> Receipt:
    on_trial = inputs.on_trial
    version = on_trial.version if on_trial else persona.current_version
    if version is None:  # the constraint-free moment between two inserts
        raise Refused(
            "no_persona", f"{persona.open_name} has no version.", is_failure=True
        )
    instructions, prompt_steps = resolve_prompt(inputs, persona, version, lookups)
    key, key_steps = resolve_key(inputs, choice.endpoint, lookups, own_only=own_only)
    return Receipt(
        persona=persona,
        version=version,
        choice=choice,
        persona_steps=persona_steps,
        config_steps=config_steps,
        prompt_steps=prompt_steps,
        key_steps=key_steps,
        notes=(
            *_notes(inputs, persona),
            *_own_prompt_note(inputs, persona, instructions),
            *notes,
            *(step.why for step in choice.redirects),
            *note_of_blindness(inputs, choice),
        ),
        source=on_trial.source if on_trial else None,
        member=inputs.member,
        pictures=inputs.pictures,
        instructions=instructions,
        key_owner=key.owner,
    )


def _notes(inputs: Inputs, persona: Persona) -> tuple[str, ...]:
    """What readers are told when the persona is not the one that was asked for."""
    if inputs.lost_persona:
        return (
            f"The persona that was asked is no longer there; {persona.name} answered.",
        )
    if inputs.persona is not None and inputs.persona.pk != persona.pk:
        asked = inputs.persona.open_name
        return (f"{asked} could not answer here; {persona.name} did.",)
    return ()


def _own_prompt_note(
    inputs: Inputs, persona: Persona, instructions: Instructions
) -> tuple[str, ...]:
    """What readers are told when the persona did not speak by its owner's words."""
    if instructions.own is None or inputs.member is None:
        return ()
    handle = inputs.member.handle.name
    return (f"With @{handle}'s own instructions for {persona.name}.",)
