"""The recogniser of refusals in prose, on the labelled list and on odd texts."""

import time

import pytest

from llmqueue.answers.refusals import MOST_CHARS, reads_like_refusal
from llmqueue.tests.labelled import halves, measure

pytestmark = [pytest.mark.requirement("C-18", "R-92"), pytest.mark.fault("F41")]


def test_the_list_is_large_enough_and_half_of_it_refusals():
    entries = [entry for half in halves() for entry in half]
    texts = {entry.text for entry in entries}

    assert len(texts) == len(entries) >= 300
    assert 0.4 <= sum(entry.is_refusal for entry in entries) / len(entries) <= 0.6


def test_no_reply_that_was_held_out_is_taken_for_a_refusal():
    found = measure(halves()[1])

    assert found.precision >= 0.98
    assert found.recall >= 0.85


def test_what_was_written_beside_it_has_figures_like_these():
    found = measure(halves()[0])

    assert found.precision >= 0.98
    assert found.recall >= 0.8


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("", False),
        ("I'm sorry, but I can't help with that.", True),
        ("I’M SORRY, BUT I CAN’T HELP WITH THAT.", True),
        ("*I'm sorry, but I can't help with that.*", True),
        ("The guard says: “I'm sorry, but I can't help with that.”", False),
        ("I can't help with that.\n\n1. Take a pan\n2. Heat it", False),
        ("I can't help with that. " + "It is a long story. " * 60, False),
        ("It is a story. It is long. It has an end. I can't help with that.", False),
    ],
    ids="empty plain loud emphasised quoted list long late".split(),
)
def test_only_a_short_answer_that_begins_with_a_refusal_is_one(text, is_one):
    assert reads_like_refusal(text) is is_one


@pytest.mark.parametrize(
    "piece",
    ['"', "„", "i cannot ", "as an ai ", "(", "1.", " ", "ich kann dieser anfrage "],
)
def test_time_is_bound_by_the_length_that_is_looked_at(piece):
    text = (piece * MOST_CHARS)[:MOST_CHARS]
    begun = time.process_time()

    for _ in range(20):
        reads_like_refusal(text)
    reads_like_refusal(piece * 1_000_000)

    assert time.process_time() - begun < 5  # 20 ms are usual; a bad pattern takes hours
