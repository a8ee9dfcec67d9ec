"""Who answers a request, with which model and why: one function, one order.

The worker, the pages and the previews all call `resolve`. First match wins and each
step that is passed over says why. Defaults are looked up here, when the work runs;
nothing is copied when a persona, a subforum or a request is made.
"""

from dataclasses import replace

from accounts.models import User
from llmconfig.models import Endpoint, LLMConfig
from llmqueue.config_ladder import offer, resolve_config
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.persona_ladder import resolve_persona
from llmqueue.receipts import Receipt, Step
from personas.models import Persona


def resolve(inputs: Inputs) -> Receipt:
    """Choose persona, config, system prompt and key for `inputs`, and say why.

    Raises Refused when nothing is left that may answer, or no model or key is set.
    """
    persona, persona_steps = resolve_persona(inputs)
    choice, config_steps = resolve_config(inputs, persona)
    version = persona.current_version
    if version is None:  # the constraint-free moment between two inserts
        raise Refused("no_persona", f"{persona.name} has no version.", is_failure=True)
    return Receipt(
        persona=persona,
        version=version,
        choice=choice,
        persona_steps=persona_steps,
        config_steps=config_steps,
        prompt_steps=(
            Step("persona version", True, f"{persona.name} v{version.number}"),
        ),
        key_steps=(_key_step(choice.endpoint),),
        notes=_notes(inputs, persona),
    )


def use_fallback(
    receipt: Receipt, config: LLMConfig, *, member: User | None
) -> Receipt:
    """The receipt with `config` in the place of a model whose calls are used up.

    Checked like any other choice: raises Refused when it is switched off or has no key.
    The swap is announced.
    """
    choice = offer(config, member=member)
    if isinstance(choice, str):
        raise Refused("no_model", choice, is_failure=True)
    note = f"{receipt.choice} could not answer; {choice} did."
    return replace(
        receipt,
        choice=choice,
        config_steps=(*receipt.config_steps, Step("the fallback", True, note)),
        key_steps=(_key_step(choice.endpoint),),
        notes=(*receipt.notes, note),
    )


def _key_step(endpoint: Endpoint) -> Step:
    if endpoint.site_key:
        return Step("the site's key", True, f"The key stored for {endpoint.name}.")
    if endpoint.kind.needs_key:
        raise Refused("no_key", f"No key is set for {endpoint.name}.", is_failure=True)
    return Step(
        "no key needed", True, f"{endpoint.kind.label} takes calls without one."
    )


def _notes(inputs: Inputs, persona: Persona) -> tuple[str, ...]:
    """What readers are told when the persona is not the one that was asked for."""
    if inputs.lost_persona:
        return (
            f"The persona that was asked is no longer there; {persona.name} answered.",
        )
    if inputs.persona is not None and inputs.persona.pk != persona.pk:
        return (f"{inputs.persona.name} could not answer here; {persona.name} did.",)
    return ()
