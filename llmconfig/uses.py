"""What needs an endpoint: found in the models' relations, as most lie in apps above."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.db.models import ForeignObjectRel, Model, Q, QuerySet

from llmconfig.models import (
    AISettings,
    Endpoint,
    LLMConfig,
    ModelProfile,
    ProviderPreference,
)

# One and many; a model that is not here goes by the name it gives itself.
_words: dict[type[Model], tuple[str, str]] = {
    AISettings: ("member's default", "members' defaults"),
    LLMConfig: ("other config", "other configs"),
    ModelProfile: ("profile", "profiles"),
    ProviderPreference: ("member's preference", "members' preferences"),
}


def register_use(model: type[Model], one: str, many: str) -> None:
    """Let an app above say what its rows are called where they need an endpoint."""
    _words[model] = one, many


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
        model: model._default_manager.filter(condition).count()
        for model, condition in pointing.items()
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


def _in_words(model: type[Model], count: int) -> str:
    names = model._meta.verbose_name, model._meta.verbose_name_plural
    one, many = _words.get(model, names)
    return f"{count} {one if count == 1 else many}"
