"""What the record of changes is about, by the names of today.

An app registers the kinds of things it owns. Their names are read whenever a page is
shown and stored nowhere: what is gone, or may not be named to the viewer, has none.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.db.models import Field, Model, QuerySet

from accounts.models import User

_MOST_DIGITS = 18


@dataclass(frozen=True)
class Named:
    """A thing that is still there; `url` is its page."""

    name: str
    url: str


@dataclass(frozen=True)
class _Kind:
    visible_to: Callable[[User], QuerySet[Any]]
    key: str
    name_of: Callable[[Any], str]
    url_of: Callable[[Any], str]


_kinds: dict[str, _Kind] = {}


def register(
    kind: str,
    visible_to: Callable[[User], QuerySet[Any]],
    *,
    key: str = "pk",
    name_of: Callable[[Any], str] = str,
    url_of: Callable[[Any], str] = lambda row: str(row.get_absolute_url()),
) -> None:
    """Say how to find what events call `kind`: those rows that a viewer may know of.

    `key`: the field whose value the events keep.
    """
    _kinds[kind] = _Kind(visible_to, key, name_of, url_of)


def find_named(
    wanted: Iterable[tuple[str, str]], *, viewer: User
) -> dict[tuple[str, str], Named]:
    """Those (kind, key) that are there and may be named; one query for each kind."""
    keys: dict[str, set[str]] = {}
    for kind, key in wanted:
        if kind in _kinds:
            keys.setdefault(kind, set()).add(key)
    found: dict[tuple[str, str], Named] = {}
    for kind, of_kind in keys.items():
        how = _kinds[kind]
        rows = how.visible_to(viewer)
        for row in rows.filter(**{f"{how.key}__in": _valid(rows.model, how, of_kind)}):
            named = Named(how.name_of(row), how.url_of(row))
            found[kind, str(getattr(row, how.key))] = named
    return found


def _valid(model: type[Model], how: _Kind, keys: Iterable[str]) -> list[object]:
    """The keys as the field takes them, without those that it could not have."""
    name = model._meta.pk.name if how.key == "pk" else how.key
    field = cast("Field[Any, Any]", model._meta.get_field(name))
    valid = []
    for key in keys:
        if key.isdigit() and len(key) > _MOST_DIGITS:
            continue
        try:
            valid.append(field.to_python(key))
        except (ValidationError, ValueError):
            continue
    return valid
