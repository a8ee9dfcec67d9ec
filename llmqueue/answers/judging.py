"""Judging what came back, and the one table of what is done about each outcome."""

import random
from dataclasses import dataclass
from datetime import timedelta

from llmconfig.client import Answer, CallFailed
from llmqueue.answers.cleaning import clean_answer, whole_sentences
from llmqueue.errors import Refused
from llmqueue.models import ANSWERS, Outcome


@dataclass(frozen=True)
class Rule:
    """What an outcome leads to.

    `calls`: how often the same model is called in a row before that outcome counts;
    `falls_back`: whether the config's fallback is then asked, once.
    """

    calls: int = 1
    falls_back: bool = False


RULES = {
    Outcome.EMPTY: Rule(2, True),
    Outcome.REFUSED: Rule(1, True),
    Outcome.FILTERED: Rule(1, True),
    Outcome.MALFORMED: Rule(2, True),
    Outcome.TOO_LONG: Rule(2, True),
    Outcome.RATE_LIMITED: Rule(3, True),
    Outcome.OVERLOADED: Rule(3, True),
    Outcome.UNREACHABLE: Rule(2, True),
    Outcome.TIMED_OUT: Rule(1, True),
    Outcome.KEY_REFUSED: Rule(1, False),
    Outcome.NO_MODEL: Rule(1, True),
    Outcome.BAD_REQUEST: Rule(1, False),
    Outcome.INTERRUPTED: Rule(),
    Outcome.CANCELLED: Rule(),
}

# Delay before the second and the third call, seconds; doubled with jitter of a half.
_FIRST_RETRY_SECONDS = 2.0


@dataclass(frozen=True)
class Verdict:
    """What became of one call. `text` is clean and may be posted if `is_answer`."""

    outcome: Outcome
    text: str = ""
    detail: str = ""
    answer: Answer | None = None
    retry_after: timedelta | None = None

    @property
    def is_answer(self) -> bool:
        return self.outcome in ANSWERS

    @property
    def rule(self) -> Rule:
        return RULES[self.outcome]

    def retry_delay(self, failures: int) -> timedelta:
        """How long to wait after `failures` calls that ended like this one.

        A provider's own Retry-After is kept; it came with its limit.
        """
        if self.retry_after is not None:
            return self.retry_after
        seconds = _FIRST_RETRY_SECONDS * 2 ** (failures - 1)
        jitter = random.uniform(1, 1.5)  # noqa: S311  # spreads retries, no secret
        return timedelta(seconds=seconds * jitter)


def judge(answer: Answer, *, name: str, tag: str) -> Verdict:
    """The verdict on an answer; `name` and `tag` are cleaned away (see cleaning).

    Refusals count only by the provider's own signals: its refusal field or its finish
    reason. Prose that sounds like a refusal is posted.
    """
    text = clean_answer(answer.text, name=name, tag=tag).strip()
    if answer.refusal:
        return Verdict(Outcome.REFUSED, text, answer=answer)
    if answer.finish_reason == "content_filter":
        return Verdict(Outcome.FILTERED, text, answer=answer)
    if not text:
        return Verdict(Outcome.EMPTY, answer=answer)
    if answer.finish_reason == "length":
        return Verdict(Outcome.CUT_OFF, whole_sentences(text), answer=answer)
    return Verdict(Outcome.ANSWERED, text, answer=answer)


def judge_failure(failure: CallFailed) -> Verdict:
    """The verdict on a call that brought no answer."""
    return Verdict(
        Outcome(failure.kind),
        detail=failure.message,
        answer=failure.partial,
        retry_after=failure.retry_after,
    )


def failure_of(outcome: str, detail: str) -> Refused:
    """How a request ends whose last call came to `outcome`; `detail` as it was kept."""
    return Refused(str(outcome), detail, is_failure=True)
