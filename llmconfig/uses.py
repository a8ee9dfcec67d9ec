"""What needs an endpoint or a config: found in the models' relations, mostly of apps above."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import ForeignObjectRel, Model, Q, QuerySet

from llmconfig.intents import COMPAT
from llmconfig.models import (
    AISettings,
    ApiKey,
    Endpoint,
    Favourite,
    LLMConfig,
    ModelPrice,
    ModelProfile,
    ProviderPreference,
    Redirect,
)

# One and many; a model that is not here goes by the name it gives itself.
_words: dict[type[Model], tuple[str, str]] = {
    AISettings: ("member's default", "members' defaults"),
    Favourite: ("favourite", "favourites"),
    ApiKey: ("member's own key", "members' own keys"),
    LLMConfig: ("other config", "other configs"),
    ModelProfile: ("profile", "profiles"),
    ProviderPreference: ("member's preference", "members' preferences"),
    Redirect: ("redirect", "redirects"),
}
# Whose configs it keeps from being deleted: the site's, or members' own as well.
type _Kept = Literal["", "site", "all"]
_keeping: dict[type[Model], _Kept] = {
    LLMConfig: "site",
    ModelProfile: "site",
    Redirect: "site",
}
# What is on record lives on without the config: it has its names as text.
_records: set[type[Model]] = set()

# Which rows of a model need what they point to. The profile `compat` moves to the site's
# default (`services.profiles.move_compat`).
_still_needing: dict[type[Model], Q] = {
    Redirect: Q(undone_at=None),
    ModelProfile: ~Q(key=COMPAT),
}

# They go with their endpoint: nobody misses them.
_PARTS = (ModelPrice,)


def register_use(
    model: type[Model],
    one: str,
    many: str,
    *,
    keeps_config: _Kept = "",
    is_record: bool = False,
) -> None:
    """Let an app above say what its rows are called where they need an endpoint.

    `keeps_config`: whose configs are not deleted under them. `is_record`: they do without
    any.
    """
    _words[model] = one, many
    _keeping[model] = keeps_config
    if is_record:
        _records.add(model)


@dataclass(frozen=True)
class ConfigUses:
    """What keeps a config from deletion, and what would go on without it; in words."""

    keeping: list[str]
    losing: list[str]


def uses_of_config(config: LLMConfig) -> ConfigUses:
    """What points to `config`.

    A member's own config is kept by a persona alone: the rest is their own and loses it.
    """
    found = ConfigUses([], [])
    if config.is_default:
        found.keeping.append("it is the site's default model")
    row = LLMConfig.objects.filter(pk=config.pk)
    pointing: dict[type[Model], Q] = defaultdict(Q)
    for model, condition in _pointers(row):
        pointing[model] |= condition
    for model, condition in pointing.items():
        if model in _records or not (count := _count(model, condition)):
            continue
        kept = _keeping.get(model, "")
        keeps = kept == "all" or (kept == "site" and config.owner_id is None)
        (found.keeping if keeps else found.losing).append(_in_words(model, count))
    return found


def uses_of(endpoint: Endpoint) -> list[str]:
    """All that points to `endpoint` or the site's configs on it, as "3 profiles".

    Its own configs do not count, nor does a lane in which nothing has ever waited.
    """
    own = LLMConfig.objects.of_site().filter(endpoint=endpoint)
    pointing: dict[type[Model], Q] = defaultdict(Q)
    rows: tuple[QuerySet[Any], ...] = (Endpoint.objects.filter(pk=endpoint.pk), own)
    for pointed_at in rows:
        for model, condition in _pointers(pointed_at):
            pointing[model] |= condition
    pointing[LLMConfig] &= ~Q(pk__in=own)
    counts = {
        model: _count(model, condition)
        for model, condition in pointing.items()
        if model not in _PARTS
    }
    return [_in_words(model, count) for model, count in counts.items() if count]


def _pointers(rows: QuerySet[Any]) -> Iterator[tuple[type[Model], Q]]:
    """Each relation that leads to `rows`, as its model and a condition on it.

    A one-to-one row, such as a lane, is a part of what it belongs to: what leads to the
    part is found instead.
    """
    for field in rows.model._meta.get_fields(include_hidden=True):
        if not isinstance(field, ForeignObjectRel):
            continue
        condition = Q(**{f"{field.field.name}__in": rows})
        if field.one_to_one:
            yield from _pointers(field.related_model._default_manager.filter(condition))
        else:
            yield field.related_model, condition


def _count(model: type[Model], condition: Q) -> int:
    """How many rows need what they point to; a redirect that is undone does not."""
    still = _still_needing.get(model, Q())
    return model._default_manager.filter(condition & still).count()


def _in_words(model: type[Model], count: int) -> str:
    names = model._meta.verbose_name, model._meta.verbose_name_plural
    one, many = _words.get(model, names)
    return f"{count} {one if count == 1 else many}"
