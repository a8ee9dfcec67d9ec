"""What a persona's fields may hold: the one place of limits and checks.

Forms, imports and services all ask here; the browser is told the same limits.
"""

from collections.abc import Mapping
from typing import Any

from core import markup
from personas.errors import DefinitionRefused

# The prompt holds all of them, every time; a small model reads 8,000 tokens at most.
MOST_CHARS = {
    "role": 300,
    "instructions": 8_000,
    "context": 4_000,
    "voice": 2_000,
}
MOST_LINES = {"knowledge": 40, "gaps": 20, "constraints": 20, "sample_queries": 10}
MOST_LINE_CHARS = 500
MOST_ANSWER_CHARS = 2_000
# What is said of a version.
MOST_NOTE_CHARS = 200

# What a draft may hold, so that one that is far too long can be kept and shortened.
MOST_DRAFT_CHARS = 200_000

# What people call the fields, in the order in which they are asked and read.
LABELS = {
    "role": "Role",
    "context": "Setting",
    "voice": "Voice",
    "knowledge": "What it knows",
    "gaps": "What it does not know",
    "constraints": "Hard rules",
    "instructions": "Instructions",
    "sample_queries": "Sample exchanges",
    "tools": "Tools",
}

# Those that are one box each.
BOXES = tuple(name for name in LABELS if name not in ("sample_queries", "tools"))

# Keys of tools that are registered; none is yet, and nothing runs that is not here.
TOOLS: dict[str, str] = {}

_NOT_TEXT = "This has to be text."
_NOT_LINES = "This has to be a list of lines."


def check(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` (the definition's fields by name, of any type) as they may be published.

    Raises DefinitionRefused, which names every field that cannot stay.
    """
    tidied, problems = look_over(values)
    if problems:
        raise DefinitionRefused(problems)
    return tidied


def check_one(name: str, text: str) -> str:
    """One of the long texts as it may be stored; raises DefinitionRefused.

    For what stands in the place of the field `name` without being of a definition.
    """
    problems: dict[str, str] = {}
    checked = _text(name, text, problems)
    _check_text(name, checked, MOST_CHARS[name], problems)
    if problems:
        raise DefinitionRefused(problems)
    return checked


def look_over(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields tidied, and what stands against publishing them by field name.

    Invisible signs are removed and empty lines left out. What has another type than it
    should is left out and is a problem.
    """
    problems: dict[str, str] = {}
    tidied: dict[str, Any] = {}
    for name, most in MOST_CHARS.items():
        text = _text(name, values.get(name, ""), problems)
        tidied[name] = markup.one_line(text) if name == "role" else text
        _check_text(name, tidied[name], most, problems)
    for name in ("knowledge", "gaps", "constraints"):
        tidied[name] = _lines(name, values.get(name, []), problems)
        _check_lines(name, tidied[name], problems)
    tidied["sample_queries"] = _samples(values.get("sample_queries", []), problems)
    tidied["tools"] = _tools(values.get("tools", []), problems)
    if markup.is_blank(tidied["role"]):
        problems.setdefault("role", "Please say in a line who the persona is.")
    return tidied, problems


def _text(name: str, value: object, problems: dict[str, str]) -> str:
    if not isinstance(value, str):
        problems.setdefault(name, _NOT_TEXT)
        return ""
    text = markup.clean_text(value).strip()
    return "" if markup.is_blank(text) else text


def _lines(name: str, value: object, problems: dict[str, str]) -> list[str]:
    if not isinstance(value, list):
        problems[name] = _NOT_LINES
        return []
    lines = [markup.one_line(_text(name, line, problems)) for line in value]
    return [line for line in lines if line]


def _samples(value: object, problems: dict[str, str]) -> list[dict[str, str]]:
    name = "sample_queries"
    if not isinstance(value, list) or not all(isinstance(it, Mapping) for it in value):
        problems[name] = "This has to be a list of questions and answers."
        return []
    samples = [
        {
            "query": markup.one_line(_text(name, entry.get("query", ""), problems)),
            "answer": _text(name, entry.get("answer", ""), problems),
        }
        for entry in value
    ]
    kept = [it for it in samples if it["query"] or it["answer"]]
    if any(not it["query"] for it in kept):
        problems[name] = "An answer needs the question that it answers."
    _check_lines(name, [it["query"] for it in kept], problems)
    for sample in kept:
        _check_text(name, sample["answer"], MOST_ANSWER_CHARS, problems)
    return kept


def _tools(value: object, problems: dict[str, str]) -> list[str]:
    if not isinstance(value, list):
        problems["tools"] = _NOT_LINES
        return []
    keys = [_text("tools", entry, problems) for entry in value]
    if unknown := [key for key in keys if key not in TOOLS]:
        problems["tools"] = f"There is no tool called {unknown[0][:60]}."
    return list(dict.fromkeys(key for key in keys if key in TOOLS))


def _check_lines(name: str, lines: list[str], problems: dict[str, str]) -> None:
    if len(lines) > MOST_LINES[name]:
        problems[name] = (
            f"These are {len(lines)} lines; at most {MOST_LINES[name]} fit."
        )
    for line in lines:
        _check_text(name, line, MOST_LINE_CHARS, problems)


def _check_text(name: str, text: str, most: int, problems: dict[str, str]) -> None:
    if len(text) > most:
        problems.setdefault(
            name, f"This text has {len(text):,} characters; at most {most:,} fit."
        )
    elif frame := markup.frame_in(text):
        problems.setdefault(
            name,
            f"{frame} is what some models take for the end of a message; please leave"
            " it out.",
        )


def without(values: Mapping[str, Any], erased: Mapping[str, Any]) -> dict[str, Any]:
    """The fields `values` less the texts, and the entries of lists, that `erased` says."""

    def rest(value: Any, gone: Any) -> Any:
        if isinstance(value, list):
            return [entry for entry in value if entry not in gone]
        return "" if value == gone else value

    return {name: rest(value, erased[name]) for name, value in values.items()}


def is_storable(tidied: Mapping[str, Any]) -> bool:
    """Whether a draft may hold this, whatever stands against publishing it."""
    return _size(list(tidied.values())) <= MOST_DRAFT_CHARS


def _size(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return _size(list(value.values()))
    # An entry takes room even when it is short.
    return sum(10 + _size(entry) for entry in value) if isinstance(value, list) else 0
