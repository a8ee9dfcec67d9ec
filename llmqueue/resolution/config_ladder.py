"""Which model answers: nine levels; the first that offers one decides, whole.

Provider and model always come from one row, never one from here and one from there.
"""

from dataclasses import dataclass

from accounts.models import User
from llmconfig.models import LLMConfig
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.receipts import (
    Level,
    ModelChoice,
    Passed,
    Rung,
    Step,
    climb,
    survey,
)
from llmqueue.resolution.redirecting import redirected
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
    return choice, (*steps, *choice.redirects)


def survey_configs(
    inputs: Inputs, persona: Persona, lookups: Lookups
) -> list[Level[ModelChoice]]:
    """What each of the nine levels says for `persona`, also below the one that decides."""
    return survey(_LADDER, _Context(inputs, persona, lookups))


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


def offer(
    config: LLMConfig, *, member: User | None, lookups: Lookups
) -> ModelChoice | Passed:
    """The config, or what staff let answer instead; or why `member` cannot use it now."""
    if not config.is_usable_by(member):
        # Its name is its owner's own: receipts are read by everybody.
        return Passed("That model belongs to somebody else.", is_set=True)
    return _if_enabled(_of(config), member=member, lookups=lookups)


def _of(config: LLMConfig) -> ModelChoice:
    return ModelChoice(config.endpoint, config.model, config)


def _if_enabled(
    choice: ModelChoice, *, member: User | None, lookups: Lookups
) -> ModelChoice | Passed:
    """The choice, redirected, unless it would go to an endpoint that is off.

    Redirects come first: they also stand for a model whose endpoint is switched off.
    """
    found = redirected(choice, member=member, lookups=lookups)
    if found.endpoint.is_enabled:
        return found
    instead = f" {found} is asked instead, but" if found.redirects else ""
    off = f"{choice}:{instead} its endpoint {found.endpoint} is switched off."
    return Passed(off, is_set=True)


def _chosen(context: _Context) -> ModelChoice | Passed:
    if context.inputs.config is None:
        return Passed("No model was chosen for this request.")
    return _offer(context.inputs.config, context)


def _override(context: _Context) -> ModelChoice | Passed:
    config = context.lookups.override(context.member, context.persona)
    if config is None:
        return Passed("The member set no model of their own for this persona.")
    return _offer(config, context)


def _member_default(context: _Context) -> ModelChoice | Passed:
    config = context.lookups.member_default(context.member)
    if config is None:
        return Passed("The member has no default model.")
    return _offer(config, context)


def _preference(context: _Context) -> ModelChoice | Passed:
    endpoint = context.inputs.endpoint
    if endpoint is None:
        return Passed("No provider was asked for.")
    model = context.lookups.preference(context.member, endpoint)
    if not model:
        return Passed(f"The member prefers no model at {endpoint.name}.")
    return _if_on(ModelChoice(endpoint, model), context)


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
            return Passed(
                "Its model belongs to one member, who may not set it here.", is_set=True
            )
    return _if_on(_of(config), context)


def _mode_default(context: _Context) -> ModelChoice | Passed:
    mode = context.inputs.mode
    config = context.lookups.profile(mode)
    if config is None:
        return Passed(f"No model is set for {mode} requests.")
    return _offer_of_site(config, context)


def _place_profile(context: _Context) -> ModelChoice | Passed:
    pinned = context.inputs.place_profile
    if pinned is None:
        return Passed("This subforum has no model of its own.")
    config = context.lookups.profile(pinned.key)
    if config is None:
        return Passed(
            f"This subforum asks for {pinned.key}, which has no model yet.", is_set=True
        )
    return _offer_of_site(config, context)


def _site_default(context: _Context) -> ModelChoice | Passed:
    config = context.lookups.site_default
    if config is None:
        return Passed("The site has no default model.")
    return _offer_of_site(config, context)


def _first_endpoint(context: _Context) -> ModelChoice | Passed:
    """The model alone, or with the site's settings made for just it on that endpoint.

    The demo model's limits are such settings. Of two configs neither is the one meant.
    """
    endpoint = context.lookups.first_endpoint
    if endpoint is None:
        return Passed("No endpoint is switched on and has a default model.")
    model = endpoint.default_model
    only = None
    match context.lookups.configs_of_first_endpoint:
        case [config]:
            only = config
            why = f"{model} ({endpoint}), with the site's one config for it: {config}."
        case []:
            why = f"{model} ({endpoint}), alone: the site has no config for it."
        case _:
            why = f"{model} ({endpoint}), alone: the site has several configs for it."
    return _if_on(ModelChoice(endpoint, model, only, why), context)


def _offer(config: LLMConfig, context: _Context) -> ModelChoice | Passed:
    return offer(config, member=context.member, lookups=context.lookups)


def _offer_of_site(config: LLMConfig, context: _Context) -> ModelChoice | Passed:
    """The site's config; a member's that a profile points to is nobody's here."""
    if config.owner_id is not None:
        return Passed("That model belongs to somebody else.", is_set=True)
    return _offer(config, context)


def _if_on(choice: ModelChoice, context: _Context) -> ModelChoice | Passed:
    return _if_enabled(choice, member=context.member, lookups=context.lookups)


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
