"""Every route of the site, read from the URL resolver."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse

# Routes under these names are for staff alone, so the table of access needs no lines for
# them: everybody else is sent to sign in, or finds nothing there.
STAFF_ONLY = ("admin:",)

_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Route:
    """One address of the site; `name` as `reverse` takes it, else the pattern itself."""

    name: str
    pattern: str
    parameters: tuple[str, ...]
    view: Callable[..., Any]

    def address(self, values: dict[str, Any]) -> str:
        """The address with these parameters; an unnamed one stands in its pattern."""
        if self.name == self.pattern:
            return f"/{self.pattern}"
        return reverse(self.name, kwargs=values)


def all_routes() -> list[Route]:
    """The routes in the resolver's order."""
    return list(_walk(get_resolver(), "", ""))


def _walk(resolver: URLResolver, prefix: str, space: str) -> Iterator[Route]:
    for entry in resolver.url_patterns:
        pattern = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLResolver):
            inner = f"{space}{entry.namespace}:" if entry.namespace else space
            yield from _walk(entry, pattern, inner)
        elif isinstance(entry, URLPattern):
            parameters = tuple(_PARAMETER.findall(pattern))
            name = f"{space}{entry.name}" if entry.name else pattern
            yield Route(name, pattern, parameters, entry.callback)


def is_staff_only(route: Route) -> bool:
    return route.name.startswith(STAFF_ONLY) or route.pattern.startswith("admin/")
