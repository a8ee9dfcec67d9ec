"""Which model answers: nine levels; the first that offers one decides, whole.

Provider and model always come from one row, never one from here and one from there.
"""

from dataclasses import dataclass

from accounts.models import User
from llmconfig.models import (
    AISettings,
    Endpoint,
    LLMConfig,
    ModelProfile,
    ProviderPreference,
)
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.receipts import ModelChoice, Rung, Step, climb
from personas.models import Persona, PersonaOwner, UserPersonaSettings, Visibility


@dataclass(frozen=True)
class _Context:
    inputs: Inputs
    persona: Persona

    @property
    def member(self) -> User | None:
        return self.inputs.member


def resolve_config(
    inputs: Inputs, persona: Persona
) -> tuple[ModelChoice, tuple[Step, ...]]:
    """The choice for `persona`, and the steps to it. Raises Refused when none is left."""
    choice, steps = climb(_LADDER, _Context(inputs, persona), why=_why)
    if choice is None:
        raise Refused(
            "no_model",
            "No model is set up here yet. A site owner can connect one in Settings,"
            " under Endpoints.",
            is_failure=True,
        )
    return choice, steps


def _why(choice: ModelChoice) -> str:
    return choice.why or str(choice)


def offer(config: LLMConfig, *, member: User | None) -> ModelChoice | str:
    """The config as a choice, or the reason `member` cannot use it now."""
    if config.owner_id and config.owner_id != (member.pk if member else None):
        return f"{config.name} belongs to somebody else."
    return _if_enabled(config)


def _if_enabled(config: LLMConfig) -> ModelChoice | str:
    if not config.endpoint.is_enabled:
        return f"{config.name}: its endpoint {config.endpoint.name} is switched off."
    return ModelChoice(config.endpoint, config.model, config)


def _chosen(context: _Context) -> ModelChoice | str:
    if context.inputs.config is None:
        return "No model was chosen for this request."
    return offer(context.inputs.config, member=context.member)


def _override(context: _Context) -> ModelChoice | str:
    rows = UserPersonaSettings.objects.filter(
        user=context.member, persona=context.persona
    )
    row = rows.select_related("config__endpoint").first() if context.member else None
    if row is None or row.config is None:
        return f"The member set no model of their own for {context.persona.name}."
    return offer(row.config, member=context.member)


def _member_default(context: _Context) -> ModelChoice | str:
    rows = AISettings.objects.filter(user=context.member)
    row = (
        rows.select_related("default_config__endpoint").first()
        if context.member
        else None
    )
    if row is None or row.default_config is None:
        return "The member has no default model."
    return offer(row.default_config, member=context.member)


def _preference(context: _Context) -> ModelChoice | str:
    endpoint = context.inputs.endpoint
    if endpoint is None:
        return "No provider was asked for."
    row = ProviderPreference.objects.filter(
        user=context.member, endpoint=endpoint
    ).first()
    if row is None:
        return f"The member prefers no model at {endpoint.name}."
    if not endpoint.is_enabled:
        return f"{endpoint.name} is switched off."
    return ModelChoice(endpoint, row.model)


def _persona_default(context: _Context) -> ModelChoice | str:
    """The site's config; a private persona may have one of its owner's.

    That one then serves whoever may ask the persona, as the persona itself does. Once
    the persona is everybody's, a single member's config is not its default any more.
    """
    persona = context.persona
    if persona.default_config_id is None:
        return f"{persona.name} has no model of its own."
    config = LLMConfig.objects.select_related("endpoint").get(
        pk=persona.default_config_id
    )
    if config.owner_id is not None:
        owners = PersonaOwner.objects.filter(persona=persona, user=config.owner_id)
        if persona.visibility != Visibility.PRIVATE or not owners.exists():
            return f"{config.name} belongs to one member, who may not set it here."
    return _if_enabled(config)


def _mode_default(context: _Context) -> ModelChoice | str:
    mode = context.inputs.mode
    profiles = ModelProfile.objects.select_related("config__endpoint")
    profile = profiles.filter(key=mode).first()
    if profile is None:
        return f"The mode {mode} has no model of its own."
    return offer(profile.config, member=None)


def _place_profile(context: _Context) -> ModelChoice | str:
    if context.inputs.place_profile is None:
        return "This subforum pins no model."
    profiles = ModelProfile.objects.select_related("config__endpoint")
    profile = profiles.get(pk=context.inputs.place_profile.pk)
    return offer(profile.config, member=None)


def _site_default(context: _Context) -> ModelChoice | str:
    config = LLMConfig.objects.default()
    return offer(config, member=None) if config else "The site has no default model."


def _first_endpoint(context: _Context) -> ModelChoice | str:
    """The model alone, or with the site's settings made for just it on that endpoint.

    The demo model's limits are such settings. Of two configs neither is the one meant.
    """
    endpoint = Endpoint.objects.in_order().exclude(default_model="").first()
    if endpoint is None:
        return "No endpoint is switched on and has a default model."
    model = endpoint.default_model
    configs = LLMConfig.objects.filter(endpoint=endpoint, model=model, is_global=True)
    match list(configs[:2]):
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
    ("the member's model for the provider", _preference),
    ("the persona's default", _persona_default),
    ("the mode's default", _mode_default),
    ("the subforum's pinned profile", _place_profile),
    ("the site's default", _site_default),
    ("the first endpoint's default model", _first_endpoint),
)
