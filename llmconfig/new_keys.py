"""New keys of the site's, made known to those above who leave an endpoint alone."""

from collections.abc import Callable

from llmconfig.models import Endpoint

_told: list[Callable[[Endpoint], None]] = []


def register_new_key(tell: Callable[[Endpoint], None]) -> None:
    """Let an app above call an endpoint again that has a new key of the site's."""
    _told.append(tell)


def tell_new_key(endpoint: Endpoint) -> None:
    """Say that `endpoint` has a new key, in the transaction that writes it."""
    for tell in _told:
        tell(endpoint)
