"""Which model answers: nine levels; the first that offers one decides, whole.

Provider and model always come from one row, never one from here and one from there.
"""

from dataclasses import dataclass

from accounts.models import User
from llmconfig.models import LLMConfig
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.receipts import ModelChoice, Passed, Rung, Step, climb
from personas.models import Persona, Visibility


@dataclass(frozen=True)
class _Context:
    inputs: Inputs
    persona: Persona
    lookups: Lookups

    @property
    def member(self) -> User | None:
        return self.inputs.member


def resolve_config(
    inputs: Inputs, persona: Persona, lookups: Lookups | None = None
) -> tuple[ModelChoice, tuple[Step, ...]]:
    """The choice for `persona`, and the steps to it. Raises Refused when none is left."""
    lookups = lookups or Lookups([inputs])
    context = _Context(inputs, persona, lookups)
    choice, steps = climb(_LADDER, context, why=_why)
    if choice is None:
        raise Refused("no_model", _nothing_left(lookups), is_failure=True)
    return choice, steps


def _nothing_left(lookups: Lookups) -> str:
    if lookups.has_endpoint:
        return (
            "All models are switched off at the moment. A site owner can switch one on"
            " in Settings, under Endpoints."
        )
    return (
        "No model is set up here yet. A site owner can connect one in Settings, under"
        " Endpoints."
    )


def _why(choice: ModelChoice) -> str:
    return choice.why or str(choice)


def offer(config: LLMConfig, *, member: User | None) -> ModelChoice | Passed:
    """The config as a choice, or the reason `member` cannot use it now."""
    if config.owner_id and config.owner_id != (member.pk if member else None):
        # Its name is its owner's own: receipts are read by everybody.
        return Passed("That model belongs to somebody else.")
    return _if_enabled(config)


def _if_enabled(config: LLMConfig) -> ModelChoice | Passed:
    if not config.endpoint.is_enabled:
        return Passed(
            f"{config.name}: its endpoint {config.endpoint.name} is switched off."
        )
    return ModelChoice(config.endpoint, config.model, config)


def _chosen(context: _Context) -> ModelChoice | Passed:
    if context.inputs.config is None:
        return Passed("No model was chosen for this request.")
    return offer(context.inputs.config, member=context.member)


def _override(context: _Context) -> ModelChoice | Passed:
    config = context.lookups.override(context.member, context.persona)
    if config is None:
        return Passed("The member set no model of their own for this persona.")
    return offer(config, member=context.member)


def _member_default(context: _Context) -> ModelChoice | Passed:
    config = context.lookups.member_default(context.member)
    if config is None:
        return Passed("The member has no default model.")
    return offer(config, member=context.member)


def _preference(context: _Context) -> ModelChoice | Passed:
    endpoint = context.inputs.endpoint
    if endpoint is None:
        return Passed("No provider was asked for.")
    model = context.lookups.preference(context.member, endpoint)
    if not model:
        return Passed(f"The member prefers no model at {endpoint.name}.")
    if not endpoint.is_enabled:
        return Passed(f"{endpoint.name} is switched off.")
    return ModelChoice(endpoint, model)


def _persona_default(context: _Context) -> ModelChoice | Passed:
    """The site's config; a private persona may have one of its owner's.

    That one then serves whoever may ask the persona, as the persona itself does. Once
    the persona is everybody's, a single member's config is not its default any more.
    """
    persona = context.persona
    config = persona.default_config
    if config is None:
        return Passed("The persona has no model of its own.")
    if config.owner_id is not None:
        is_private = persona.visibility == Visibility.PRIVATE
        if not is_private or config.owner_id not in persona.owner_ids:
            return Passed("Its model belongs to one member, who may not set it here.")
    return _if_enabled(config)


def _mode_default(context: _Context) -> ModelChoice | Passed:
    mode = context.inputs.mode
    config = context.lookups.profile(mode)
    if config is None:
        return Passed(f"No model is set for {mode} requests.")
    return offer(config, member=None)


def _place_profile(context: _Context) -> ModelChoice | Passed:
    pinned = context.inputs.place_profile
    config = context.lookups.profile(pinned.key) if pinned else None
    return (
        offer(config, member=None)
        if config
        else Passed("This subforum has no model of its own.")
    )


def _site_default(context: _Context) -> ModelChoice | Passed:
    config = context.lookups.site_default
    return (
        offer(config, member=None)
        if config
        else Passed("The site has no default model.")
    )


def _first_endpoint(context: _Context) -> ModelChoice | Passed:
    """The model alone, or with the site's settings made for just it on that endpoint.

    The demo model's limits are such settings. Of two configs neither is the one meant.
    """
    endpoint = context.lookups.first_endpoint
    if endpoint is None:
        return Passed("No endpoint is switched on and has a default model.")
    model = endpoint.default_model
    match context.lookups.configs_of_first_endpoint:
        case [config]:
            why = f"{model} ({endpoint}), with the site's one config for it: {config}."
            return ModelChoice(endpoint, model, config, why)
        case []:
            why = f"{model} ({endpoint}), alone: the site has no config for it."
        case _:
            why = f"{model} ({endpoint}), alone: the site has several configs for it."
    return ModelChoice(endpoint, model, why=why)


_LADDER: tuple[Rung[_Context, ModelChoice], ...] = (
    ("chosen for this request", _chosen),
    ("the member's model for this persona", _override),
    ("the member's default", _member_default),
    ("the member's model at this provider", _preference),
    ("the persona's default", _persona_default),
    ("the default for this kind of request", _mode_default),
    ("the subforum's model", _place_profile),
    ("the site's default", _site_default),
    ("the first endpoint that is on", _first_endpoint),
)
