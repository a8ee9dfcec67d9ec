"""A definition as people read it, and how two of them differ, word by word."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from typing import Literal

from personas.definitions import LABELS
from personas.models import Definition

# On a side, of what is compared at once; the longest field has about 1,400 words.
MOST_TOKENS = 2_000
# The matcher's worst case grows with the cube, so two whole definitions may take this
# many looks at a pair of tokens (about half a second), and show this many pieces.
MOST_LOOKS = 2_000_000
MOST_PIECES = 1_000
# A word with the spaces after it, a line's end, or one letter of a script without spaces.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_TOKEN = re.compile(rf"[{_UNSPACED}][^\S\n]*|[^\s{_UNSPACED}]+[^\S\n]*|\s")

type Change = Literal["same", "removed", "added"]


@dataclass(frozen=True)
class Field:
    """One field of a definition as it is read; `text` holds lists line by line."""

    name: str
    label: str
    text: str


@dataclass(frozen=True)
class Piece:
    """Words that two texts share, or that only one of them has."""

    change: Change
    text: str


@dataclass(frozen=True)
class Difference:
    """How one field differs; never without a change."""

    label: str
    pieces: list[Piece]


@dataclass
class _Budget:
    """What is left of the work of one comparison."""

    looks: int
    pieces: int


class _Matcher(SequenceMatcher[str]):
    """difflib's matcher, which finds nothing any more once `budget` is spent."""

    a: list[str]
    b2j: dict[str, list[int]]

    def __init__(self, old: list[str], new: list[str], budget: _Budget) -> None:
        super().__init__(None, old, new)
        self.budget = budget

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> Match:
        for token in self.a[alo:ahi]:
            self.budget.looks -= 1 + len(self.b2j.get(token, ()))
        if self.budget.looks < 0:
            return Match(alo, blo, 0)
        return super().find_longest_match(alo, ahi, blo, bhi)


def fields_of(definition: Definition) -> list[Field]:
    """The fields that are filled, in the order in which people read them."""
    found = (
        Field(name, label, _text(getattr(definition, name)))
        for name, label in LABELS.items()
    )
    return [field for field in found if field.text]


def compare(older: Definition, newer: Definition) -> list[Difference]:
    """The fields that differ, word by word; in bounded time, whatever they hold.

    Once MOST_LOOKS or MOST_PIECES are spent, what is left counts as replaced whole.
    """
    found, budget = [], _Budget(MOST_LOOKS, MOST_PIECES)
    for name, label in LABELS.items():
        before, after = _text(getattr(older, name)), _text(getattr(newer, name))
        pieces = _joined(_changes(before, after, budget))
        if any(piece.change != "same" for piece in pieces):
            found.append(Difference(label, pieces))
    return found


def _text(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(_line(entry) for entry in value)
    return str(value)


def _line(entry: object) -> str:
    """One line of a list; of a sample its question and its answer."""
    if isinstance(entry, dict):
        asked, answer = str(entry.get("query", "")), str(entry.get("answer", ""))
        return f"{asked}\n→ {answer}" if answer else asked
    return str(entry)


def _changes(before: str, after: str, budget: _Budget) -> Iterator[Piece]:
    """Line by line first, so that words are compared only where lines differ."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    for change, was, becomes in _matched(old, new, budget):
        if change != "replace":
            yield from _pieces(change, was, becomes)
            continue
        words = _TOKEN.findall(was), _TOKEN.findall(becomes)
        for inner, was_words, new_words in _matched(*words, budget):
            yield from _pieces(inner, was_words, new_words)


def _matched(
    old: list[str], new: list[str], budget: _Budget
) -> Iterator[tuple[str, str, str]]:
    """difflib's steps from `old` to `new`: what each does, the old text, the new one.

    More than MOST_TOKENS on a side are one step. What ends a line or a word makes none.
    """
    if max(len(old), len(new)) > MOST_TOKENS:
        yield "replace", "".join(old), "".join(new)
        return
    matcher = _Matcher(_without_ends(old), _without_ends(new), budget)
    for change, i, to_i, j, to_j in matcher.get_opcodes():
        budget.pieces -= 2 if change == "replace" else 1
        if budget.pieces < 0 and change != "equal":
            yield "replace", "".join(old[i:]), "".join(new[j:])
            return
        was, becomes = old[i:to_i], new[j:to_j]
        if change == "equal":  # with the more space, so that no words run together
            was = becomes = [
                max(pair, key=len) for pair in zip(was, becomes, strict=True)
            ]
        yield change, "".join(was), "".join(becomes)


def _without_ends(tokens: list[str]) -> list[str]:
    return [token.strip() or token for token in tokens]


def _pieces(change: str, was: str, becomes: str) -> Iterator[Piece]:
    if change == "equal":
        yield Piece("same", becomes)
        return
    if was:
        yield Piece("removed", was)
    if becomes:
        yield Piece("added", becomes)


def _joined(pieces: Iterator[Piece]) -> list[Piece]:
    """`pieces`, of which neighbours of one kind became one."""
    found: list[Piece] = []
    for piece in pieces:
        if found and found[-1].change == piece.change:
            found[-1] = Piece(piece.change, found[-1].text + piece.text)
        else:
            found.append(piece)
    return found
