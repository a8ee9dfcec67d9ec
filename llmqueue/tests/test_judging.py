from datetime import timedelta

import pytest

from llmconfig.client import Answer, CallFailed
from llmconfig.errors import MESSAGES
from llmqueue.answers.judging import Verdict, judge, judge_failure
from llmqueue.errors import ERROR_CLASSES
from llmqueue.models import Outcome


def answer(text: str, *, finish_reason: str = "stop", refusal: str = "") -> Answer:
    return Answer(text, finish_reason, refusal, 10, 5, None, 0.1, 0.2)


@pytest.mark.parametrize(
    ("given", "outcome", "text"),
    [
        (answer("Hello."), Outcome.ANSWERED, "Hello."),
        (answer("Hello.", finish_reason=""), Outcome.ANSWERED, "Hello."),
        (answer("One. Tw", finish_reason="length"), Outcome.CUT_OFF, "One."),
        (answer(""), Outcome.EMPTY, ""),
        (answer("  \n\x00 "), Outcome.EMPTY, ""),
        (answer("<think>only thoughts</think>"), Outcome.EMPTY, ""),
        (answer("", refusal="I cannot."), Outcome.REFUSED, "I cannot."),
        (answer("No.", refusal="I cannot."), Outcome.REFUSED, "No."),
        (answer("Bad", finish_reason="content_filter"), Outcome.FILTERED, "Bad"),
        (answer("I'm sorry, I can't help."), Outcome.ANSWERED, None),
        (
            answer("I can't help with that."),
            Outcome.DECLINED,
            "I can't help with that.",
        ),
        (answer("Maestro: I can't help with that."), Outcome.DECLINED, None),
        (answer("<think>Hm.</think>I can't help with that."), Outcome.DECLINED, None),
    ],
)
@pytest.mark.requirement("O-40")
@pytest.mark.fault("F40", "F41", "F42")
def test_judge_tells_answers_from_failures(given, outcome, text):
    verdict = judge(given, name="Maestro", tag="post-a1b2c3")

    assert verdict.outcome == outcome
    assert text is None or verdict.text == text
    assert verdict.is_answer == (outcome in (Outcome.ANSWERED, Outcome.CUT_OFF))


@pytest.mark.parametrize("kind", MESSAGES)
def test_every_failure_of_a_call_has_a_rule_and_an_error_class(kind):
    verdict = judge_failure(CallFailed(kind))

    assert verdict.rule.calls >= 1
    assert str(verdict.outcome) in ERROR_CLASSES or kind == "interrupted"


@pytest.mark.fault("F30", "F31")
@pytest.mark.parametrize(
    ("failures", "retry_after", "low", "high"),
    [(1, None, 2, 3), (2, None, 4, 6), (1, 20, 20, 20)],
)
def test_retry_delay_grows_or_is_the_providers(failures, retry_after, low, high):
    wanted = None if retry_after is None else timedelta(seconds=retry_after)
    verdict = Verdict(Outcome.RATE_LIMITED, retry_after=wanted)

    delay = verdict.retry_delay(failures).total_seconds()

    assert low <= delay <= high
