"""Texts that are deleted here, made known to those above who kept copies of them."""

from collections.abc import Callable

_erasers: list[Callable[[tuple[str, str]], None]] = []


def register_eraser(erase: Callable[[tuple[str, str]], None]) -> None:
    """Let an app above blank its copies: `erase` is told a source as (kind, key)."""
    _erasers.append(erase)


def erase(kind: str, key: object) -> None:
    """Blank every copy of a text that goes; before it does, in the same transaction."""
    for eraser in _erasers:
        eraser((kind, str(key)))
