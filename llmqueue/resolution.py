"""Who answers a request, with which model and why: one function, one order.

The worker, the pages and the previews all call `resolve`. First match wins and each
step that is passed over says why. Defaults are looked up here, when the work runs;
nothing is copied when a persona, a subforum or a request is made.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.db.models import QuerySet

from llmconfig.models import (
    AISettings,
    Endpoint,
    LLMConfig,
    ModelProfile,
    ProviderPreference,
)
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from personas.models import Persona, PersonaVersion, UserPersonaSettings

PARAMETERS = (
    "temperature",
    "top_p",
    "top_k",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "max_tokens",
)


@dataclass(frozen=True)
class Step:
    """One rung of a ladder: its name, whether it decided, and why or why not."""

    rule: str
    won: bool
    why: str


@dataclass(frozen=True)
class ModelChoice:
    """An endpoint and a model on it; `config` None means no parameters are sent."""

    endpoint: Endpoint
    model: str
    config: LLMConfig | None = None

    def __str__(self) -> str:
        return self.config.name if self.config else f"{self.model} ({self.endpoint})"


@dataclass(frozen=True)
class Receipt:
    """What was resolved for a request, and which rule chose each part of it."""

    persona: Persona
    version: PersonaVersion
    choice: ModelChoice
    persona_steps: tuple[Step, ...]
    config_steps: tuple[Step, ...]
    prompt_steps: tuple[Step, ...]
    key_steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, Any]:
        """The sampling parameters that are set; 0 is a value, null is not sent."""
        config = self.choice.config
        values = {name: getattr(config, name, None) for name in PARAMETERS}
        return {name: value for name, value in values.items() if value is not None}

    def as_json(self) -> dict[str, Any]:
        """The receipt as plain values that outlive the rows it names.

        {"persona": {id, name, version}, "model": {config, endpoint, provider, model},
        "parameters": {...}, "key": "site" | "none", "steps": {"persona": [{rule, won,
        why}], "config": [...], "prompt": [...], "key": [...]}, "notes": [str]}
        """
        endpoint = self.choice.endpoint
        ladders = {
            "persona": self.persona_steps,
            "config": self.config_steps,
            "prompt": self.prompt_steps,
            "key": self.key_steps,
        }
        return {
            "persona": {
                "id": self.persona.pk,
                "name": self.persona.name,
                "version": self.version.number,
            },
            "model": {
                "config": self.choice.config.name if self.choice.config else None,
                "endpoint": endpoint.name,
                "provider": endpoint.kind.label,
                "model": self.choice.model,
            },
            "parameters": self.parameters,
            "key": "site" if endpoint.site_key else "none",
            "steps": {
                name: [asdict(step) for step in steps]
                for name, steps in ladders.items()
            },
            "notes": list(self.notes),
        }


# What a rung gives: the thing it chose, or the reason it is passed over.
type Rung[T] = tuple[str, Callable[[], T | str]]


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


def use_fallback(receipt: Receipt, config: LLMConfig, *, member: object) -> Receipt:
    """The receipt with `config` in the place of a model whose calls are used up.

    Checked like any other choice: raises Refused when it is switched off or has no key.
    The swap is announced.
    """
    choice = _offer(config, usable_by=member)
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


def resolve_persona(inputs: Inputs) -> tuple[Persona, tuple[Step, ...]]:
    """Asked for > the place's default > the site's default > the built-in fallback."""
    wanted = [p.pk for p in (inputs.persona, inputs.place_default) if p is not None]
    candidates = list(
        Persona.objects.usable_by(inputs.member).among(wanted).with_versions()
    )
    by_id = {persona.pk: persona for persona in candidates}

    def asked() -> Persona | str:
        wanted = inputs.persona
        if inputs.lost_persona:
            return "The persona that was asked for is no longer there."
        if wanted is None:
            return "Nobody in particular was asked."
        persona = by_id.get(wanted.pk)
        if persona is None:
            return f"{wanted.name} may not be used by this member."
        here = not inputs.assigned or persona.pk in inputs.assigned
        if not (here or persona.is_global_default or persona.is_fallback):
            return f"{persona.name} is not assigned here."
        return persona

    def place_default() -> Persona | str:
        if inputs.place_default is None:
            return "This subforum has no default persona."
        usable = by_id.get(inputs.place_default.pk)
        return usable or f"{inputs.place_default.name} may not be used here now."

    def site_default() -> Persona | str:
        found = [p for p in candidates if p.is_global_default]
        return found[0] if found else "The site has no default persona."

    def fallback() -> Persona | str:
        found = [p for p in candidates if p.is_fallback]
        return found[0] if found else "The built-in persona is missing."

    persona, steps = _climb(
        ("asked for", asked),
        ("the subforum's default", place_default),
        ("the site's default", site_default),
        ("the built-in fallback", fallback),
    )
    if persona is None:
        raise Refused("no_persona", is_failure=True)
    return persona, steps


def resolve_config(
    inputs: Inputs, persona: Persona
) -> tuple[ModelChoice, tuple[Step, ...]]:
    """The nine levels of the config chain; provider and model always come together."""
    member = inputs.member

    def chosen() -> ModelChoice | str:
        if inputs.config is None:
            return "No model was chosen for this request."
        return _offer(inputs.config, usable_by=member)

    def override() -> ModelChoice | str:
        row = (
            UserPersonaSettings.objects.filter(user=member, persona=persona)
            .select_related("config__endpoint")
            .first()
            if member
            else None
        )
        if row is None or row.config is None:
            return f"The member set no model of their own for {persona.name}."
        return _offer(row.config, usable_by=member)

    def member_default() -> ModelChoice | str:
        row = (
            AISettings.objects.filter(user=member)
            .select_related("default_config__endpoint")
            .first()
            if member
            else None
        )
        if row is None or row.default_config is None:
            return "The member has no default model."
        return _offer(row.default_config, usable_by=member)

    def preference() -> ModelChoice | str:
        if inputs.endpoint is None:
            return "No provider was asked for."
        row = ProviderPreference.objects.filter(
            user=member, endpoint=inputs.endpoint
        ).first()
        if row is None:
            return f"The member prefers no model at {inputs.endpoint.name}."
        if not inputs.endpoint.is_enabled:
            return f"{inputs.endpoint.name} is switched off."
        return ModelChoice(inputs.endpoint, row.model)

    def persona_default() -> ModelChoice | str:
        if persona.default_config_id is None:
            return f"{persona.name} has no model of its own."
        config = LLMConfig.objects.select_related("endpoint").get(
            pk=persona.default_config_id
        )
        return _offer(config)

    def mode_default() -> ModelChoice | str:
        profile = _profiles().filter(key=inputs.mode).first()
        return (
            _offer(profile.config)
            if profile
            else f"The mode {inputs.mode} has no model of its own."
        )

    def place_profile() -> ModelChoice | str:
        if inputs.place_profile is None:
            return "This subforum pins no model."
        return _offer(_profiles().get(pk=inputs.place_profile.pk).config)

    def site_default() -> ModelChoice | str:
        config = (
            LLMConfig.objects.filter(is_default=True).select_related("endpoint").first()
        )
        return _offer(config) if config else "The site has no default model."

    def first_endpoint() -> ModelChoice | str:
        endpoint = Endpoint.objects.in_order().exclude(default_model="").first()
        if endpoint is None:
            return "No endpoint is switched on and has a default model."
        # With the site's parameters for that model, such as the demo model's limits.
        config = LLMConfig.objects.filter(
            endpoint=endpoint, model=endpoint.default_model, is_global=True
        ).first()
        return ModelChoice(endpoint, endpoint.default_model, config)

    choice, steps = _climb(
        ("chosen for this request", chosen),
        ("the member's model for this persona", override),
        ("the member's default", member_default),
        ("the member's model for the provider", preference),
        ("the persona's default", persona_default),
        ("the mode's default", mode_default),
        ("the subforum's pinned profile", place_profile),
        ("the site's default", site_default),
        ("the first endpoint's default model", first_endpoint),
    )
    if choice is None:
        raise Refused(
            "no_model",
            "No model is set up here yet. A site owner can connect one in Settings,"
            " under Endpoints.",
            is_failure=True,
        )
    return choice, steps


def _climb[T](*rungs: Rung[T]) -> tuple[T | None, tuple[Step, ...]]:
    """The first thing a rung gives, and the steps taken; rungs after it are not asked."""

    steps: list[Step] = []
    for rule, ask in rungs:
        found = ask()
        if not isinstance(found, str):
            return found, (*steps, Step(rule, True, str(found)))
        steps.append(Step(rule, False, found))
    return None, tuple(steps)


def _profiles() -> "QuerySet[ModelProfile]":
    return ModelProfile.objects.select_related("config__endpoint")


def _offer(config: LLMConfig, *, usable_by: object = None) -> ModelChoice | str:
    """The config as a choice, or the reason it cannot be used now."""
    if config.owner_id and config.owner_id != getattr(usable_by, "pk", None):
        return f"{config.name} belongs to somebody else."
    if not config.endpoint.is_enabled:
        return f"{config.name}: its endpoint {config.endpoint.name} is switched off."
    return ModelChoice(config.endpoint, config.model, config)


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
