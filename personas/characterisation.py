"""A persona in words, as models are told it: pages and prompts say the same."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def describe(name: str, definition: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The persona's parts by name, empty ones left out, the constraints last.

    `definition`: the fields by name (`Definition.definition`); may be half written.
    """
    role = definition["role"].rstrip(".")
    yield "role", f"You are {name}, {role}." if role else f"You are {name}."
    if definition["instructions"]:
        yield "instructions", definition["instructions"]
    if definition["context"]:
        yield "context", definition["context"]
    if definition["voice"]:
        yield "voice", f"Voice: {definition['voice']}"
    if definition["knowledge"]:
        yield "knowledge", "You know about:\n" + _items(definition["knowledge"])
    if definition["gaps"]:
        yield (
            "gaps",
            "You do not know these, and say so:\n" + _items(definition["gaps"]),
        )
    if samples := [it for it in definition["sample_queries"] if it["answer"]]:
        shown = "\n\n".join(
            f"Asked: {it['query']}\nYou: {it['answer']}" for it in samples
        )
        yield "samples", "How you answer, for example:\n" + shown
    if definition["constraints"]:
        yield (
            "constraints",
            "Always keep to this:\n" + _items(definition["constraints"]),
        )


def _items(entries: Iterable[object]) -> str:
    return "\n".join(f"- {entry}" for entry in entries)
