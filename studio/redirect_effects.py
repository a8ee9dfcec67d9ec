"""What a redirect will change, counted before it is made."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from forum.models import Subforum
from llmconfig.models import (
    AISettings,
    ApiKey,
    Endpoint,
    LLMConfig,
    ProviderPreference,
)
from llmqueue.pages.waiting import what_waits
from personas.models import Persona, UserPersonaSettings


@dataclass(frozen=True)
class Effect:
    """One line: how many, of what. `is_more`: there may be more than were looked at."""

    count: int
    what: str
    is_more: bool = False


def effects_of(endpoint: Endpoint, model: str, *, to: LLMConfig) -> list[Effect]:
    """What resolves to `model` at `endpoint` now (blank: to any there), by kind.

    Some twelve queries, whatever the number of rows.
    """
    return [
        _waiting(endpoint, model),
        *_of_site(endpoint, model),
        *_of_members(endpoint, model),
        _staying(endpoint, to),
    ]


def _waiting(endpoint: Endpoint, model: str) -> Effect:
    waiting = what_waits()
    found = [
        choice
        for _, choice in waiting.choices
        if choice.endpoint == endpoint
        and (not model or choice.model.lower() == model.lower())
    ]
    what = "Requests that wait now"
    return Effect(len(found), what, is_more=not waiting.is_all)


def _of_site(endpoint: Endpoint, model: str) -> Iterator[Effect]:
    personas = Persona.objects.active()
    own = personas.filter(_at(endpoint, model, "default_config__"))
    yield Effect(own.count(), "Personas with it as their own model")
    pinning = Subforum.objects.filter(_at(endpoint, model, "profile__config__"))
    yield Effect(pinning.count(), "Subforums that pin it")
    if not _is_sites_default(endpoint, model):
        return
    plain = personas.filter(default_config=None)
    yield Effect(
        plain.count(),
        "Personas without a model of their own, as it is the site's default",
    )
    unpinned = Subforum.objects.filter(profile__config=None)
    yield Effect(
        unpinned.count(), "Subforums that pin nothing, as it is the site's default"
    )


def _of_members(endpoint: Endpoint, model: str) -> Iterator[Effect]:
    defaults = AISettings.objects.filter(_at(endpoint, model, "default_config__"))
    yield Effect(defaults.count(), "Members' defaults")
    own = UserPersonaSettings.objects.filter(_at(endpoint, model, "config__"))
    yield Effect(own.count(), "Members' own models for a persona")
    wished = ProviderPreference.objects.filter(_at(endpoint, model, ""))
    yield Effect(wished.count(), "Members' models for the provider")


def _staying(endpoint: Endpoint, to: LLMConfig) -> Effect:
    """Whose calls stay: none moves from a member's own key to the site's."""
    there = _own_keys_at(to.endpoint).filter(user=OuterRef("user"))
    staying = _own_keys_at(endpoint).filter(~Exists(there)).count()
    return Effect(staying, "Members who stay, as they pay with their own key there")


def _own_keys_at(endpoint: Endpoint) -> QuerySet[ApiKey]:
    """The members' keys that are used there."""
    keys = ApiKey.objects.filter(endpoint=endpoint)
    return keys if endpoint.is_for_own_keys else keys.none()


def _is_sites_default(endpoint: Endpoint, model: str) -> bool:
    default = LLMConfig.objects.default()
    if default is None:
        first = Endpoint.objects.first_choice()
        return first == endpoint and model.lower() in ("", first.default_model.lower())
    is_here = default.endpoint_id == endpoint.pk
    return is_here and model.lower() in ("", default.model.lower())


def _at(endpoint: Endpoint, model: str, to_config: str) -> Q:
    there: dict[str, Endpoint | str] = {f"{to_config}endpoint": endpoint}
    if model:
        there[f"{to_config}model__iexact"] = model
    return Q(**there)
