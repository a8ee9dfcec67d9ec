"""The one table of outcomes: whole, and the same in the paper for site owners."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from llmqueue.answers.rules import RULES, Concern, rule_words
from llmqueue.errors import ERROR_CLASSES, MODEL_TROUBLE
from llmqueue.models import Outcome

PAPER = Path(settings.BASE_DIR) / "docs" / "outcomes.md"


def line_of(reason: str) -> str:
    """A line of the paper's tables, as the code has it."""
    rule = RULES[reason]
    cells = [f"`{reason}`", ERROR_CLASSES.get(reason, "")]
    if reason in Outcome.values:
        cells[1] = cells[1] or f"({Outcome(reason).label})"
        cells += [str(rule.calls), "once" if rule.falls_back else "no"]
    return f"| {' | '.join([*cells, rule.concerns])} |"


def test_every_outcome_and_every_error_class_has_a_rule():
    assert set(RULES) == {*Outcome.values, *ERROR_CLASSES}


@pytest.mark.requirement("C-18", "R-92", "R-103")
def test_the_paper_says_what_the_code_does():
    listed = re.findall(r"(?m)^\| `.+ \|$", PAPER.read_text())

    assert listed == [line_of(reason) for reason in RULES]


def test_what_is_mended_where_models_are_set_up_concerns_those_who_do():
    assert {RULES[reason].concerns for reason in MODEL_TROUBLE} == {Concern.STAFF}


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            Outcome.RATE_LIMITED,
            "Where this happens, the same model is called up to 3 times, then the fallback"
            " is asked once. To be mended by whoever sets up the models.",
        ),
        ("budget_reached", "To be mended by whoever asked."),
        ("gone", ""),
    ],
    ids=["rate limited", "budget", "gone"],
)
def test_rule_words_say_what_is_done_and_by_whom(reason, words):
    assert rule_words(reason) == words
