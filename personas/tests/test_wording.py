"""How two definitions differ."""

import random

import pytest

from personas import wording
from personas.models import PersonaVersion
from personas.wording import MOST_PIECES, MOST_TOKENS, Piece, compare, fields_of


def pieces(old: str, new: str) -> list[tuple[str, str]]:
    found = compare(PersonaVersion(voice=old), PersonaVersion(voice=new))
    return [(it.change, it.text) for field in found for it in field.pieces]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a b c", "a b c", []),
        (
            "a b c",
            "a x c",
            [("same", "a "), ("removed", "b "), ("added", "x "), ("same", "c")],
        ),
        ("", "a b", [("added", "a b")]),
        ("a b", "", [("removed", "a b")]),
        (
            "one",
            "one two",
            [("same", "one "), ("added", "two")],
        ),
        ("one\ntwo", "one\ntwo\nthree", [("same", "one\ntwo\n"), ("added", "three")]),
        (
            "面白い人",
            "面白い猫",
            [("same", "面白い"), ("removed", "人"), ("added", "猫")],
        ),
    ],
)
def test_words_are_compared_and_not_letters(old, new, expected):
    assert pieces(old, new) == expected


def test_both_texts_can_be_read_from_the_pieces():
    chance = random.Random(7)
    for _ in range(200):
        old, new = (
            " ".join(
                chance.choices(
                    ["soup", "salt.", "a\n", "é", "漢字", "\n\n"],
                    k=chance.randrange(12),
                )
            )
            for _ in range(2)
        )
        found = pieces(old, new)
        if not found:
            assert old.split() == new.split()
            continue
        was = "".join(text for change, text in found if change != "added")
        becomes = "".join(text for change, text in found if change != "removed")
        assert was.split() == old.split()
        assert becomes.split() == new.split()


def test_lists_are_compared_line_by_line():
    old = PersonaVersion(
        knowledge=["Rye", "Salt"], sample_queries=[{"query": "How?", "answer": "So."}]
    )
    new = PersonaVersion(
        knowledge=["Rye", "Sugar"],
        sample_queries=[{"query": "How?", "answer": "Thus."}],
    )

    known, samples = compare(old, new)

    assert known.label == "What it knows"
    assert known.pieces == [
        Piece("same", "Rye\n"),
        Piece("removed", "Salt"),
        Piece("added", "Sugar"),
    ]
    assert samples.pieces[0] == Piece("same", "How?\n→ ")


def test_texts_of_too_many_words_are_not_compared_word_by_word():
    """As many as only hostile texts have, whose words the matcher would turn for long."""
    words = [f"w{number}" for number in range(MOST_TOKENS)]
    old, new = " ".join(words), " ".join(["other", *words[1:]])

    assert [change for change, _ in pieces(old, new)] == ["removed", "added", "same"]
    assert pieces(f"{old} x", f"{new} x") == [
        ("removed", f"{old} x"),
        ("added", f"{new} x"),
    ]


@pytest.mark.fault("A-DOS-1")
@pytest.mark.parametrize(("limit", "least"), [("MOST_LOOKS", 900), ("MOST_PIECES", 9)])
def test_all_the_texts_of_a_comparison_have_one_budget(monkeypatch, limit, least):
    """Once it is spent, they are replaced whole: a page costs so much and no more."""
    monkeypatch.setattr(wording, limit, least)
    lines = [" ".join(f"w{n}" for n in range(20))] * 10
    samples = [{"query": line, "answer": f"{line} b"} for line in lines]

    old, new = (
        PersonaVersion(
            instructions=f"{side} ".join(lines),
            knowledge=[f"{line} {side}" for line in lines],
            sample_queries=[{**it, "query": f"{side} {it['query']}"} for it in samples],
        )
        for side in ("x", "y")
    )
    first, *_, last = compare(old, new)

    assert len(first.pieces) > 2
    assert [piece.change for piece in last.pieces] == ["removed", "added"]
    assert [piece.text.count("w19") for piece in last.pieces] == [20, 20]


@pytest.mark.fault("A-DOS-1")
def test_hostile_definitions_make_no_more_pieces_than_fit():
    """Samples of which each alone would be compared word by word, in many pieces."""

    def text(side: str) -> str:
        return " ".join(f"c{n % 50} {side}{n}" for n in range(200))

    old, new = (
        PersonaVersion(
            sample_queries=[{"query": f"q{n}", "answer": text(side)} for n in range(10)]
        )
        for side in ("a", "b")
    )

    assert sum(len(it.pieces) for it in compare(old, new)) < MOST_PIECES + 10


def test_only_filled_fields_are_read():
    version = PersonaVersion(role="a cook", gaps=["Wine"], constraints=[])

    assert [(it.label, it.text) for it in fields_of(version)] == [
        ("Role", "a cook"),
        ("What it does not know", "Wine"),
    ]
