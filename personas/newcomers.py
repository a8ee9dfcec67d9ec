"""Members who are given a persona to shape, made known to an app above that tells them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accounts.models import User
    from personas.models import Persona

_tellers: list[Callable[["Persona", "User"], None]] = []


def register_teller(tell: Callable[["Persona", "User"], None]) -> None:
    """Let an app above tell a member that they shape a persona now."""
    _tellers.append(tell)


def tell(persona: "Persona", member: "User") -> None:
    """Tell a member whom nobody asked; inside the transaction that gives it to them."""
    for teller in _tellers:
        teller(persona, member)
