"""Judging what came back from a call; what is done then is in `rules`."""

import random
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from llmconfig.client import Answer, CallFailed
from llmqueue.answers.cleaning import clean_answer, whole_sentences
from llmqueue.answers.refusals import reads_like_refusal
from llmqueue.answers.rules import FIRST_PAUSE_SECONDS, RULES, Rule
from llmqueue.errors import Refused
from llmqueue.models import ANSWERS, REPLIES, Outcome


@dataclass(frozen=True)
class Verdict:
    """What became of one call. `text` is clean and may be posted if `is_reply`.

    `is_unsent`: the provider has no part in its failure.
    """

    outcome: Outcome
    text: str = ""
    detail: str = ""
    answer: Answer | None = None
    retry_after: timedelta | None = None
    is_unsent: bool = False

    @property
    def is_answer(self) -> bool:
        """It is posted, whatever else there is."""
        return self.outcome in ANSWERS

    @property
    def is_reply(self) -> bool:
        """It brought text that may be posted."""
        return self.outcome in REPLIES

    @property
    def rule(self) -> Rule:
        return RULES[self.outcome]

    @property
    def asks_for_long(self) -> bool:
        """Its provider wants a pause longer than a reader waits gladly."""
        pause = self.retry_after
        return pause is not None and pause > settings.LLM_LONG_RETRY_AFTER

    def retry_delay(self, failures: int) -> timedelta:
        """How long to wait after `failures` calls that ended like this one.

        A provider's own Retry-After is kept; it came with its limit.
        """
        if self.retry_after is not None:
            return self.retry_after
        seconds = FIRST_PAUSE_SECONDS * 2 ** (failures - 1)
        jitter = random.uniform(1, 1.5)  # noqa: S311  # spreads retries, no secret
        return timedelta(seconds=seconds * jitter)


def judge(answer: Answer, *, name: str, tag: str) -> Verdict:
    """The verdict on an answer; `name` and `tag` are cleaned away (see cleaning).

    The provider's own signals come first: its refusal field, whose words then stand for
    the text, and its finish reason.
    """
    text = clean_answer(answer.text or answer.refusal, name=name, tag=tag).strip()
    if answer.refusal:
        return Verdict(Outcome.REFUSED, text, answer=answer)
    if answer.finish_reason == "content_filter":
        return Verdict(Outcome.FILTERED, text, answer=answer)
    if not text:
        return Verdict(Outcome.EMPTY, answer=answer)
    if answer.finish_reason == "length":
        return Verdict(Outcome.CUT_OFF, whole_sentences(text), answer=answer)
    if reads_like_refusal(text):
        return Verdict(Outcome.DECLINED, text, answer=answer)
    return Verdict(Outcome.ANSWERED, text, answer=answer)


def judge_failure(failure: CallFailed) -> Verdict:
    """The verdict on a call that brought no answer."""
    return Verdict(
        Outcome(failure.kind),
        detail=failure.message,
        answer=failure.partial,
        retry_after=failure.retry_after,
        is_unsent=failure.is_unsent,
    )


def failure_of(outcome: str, detail: str) -> Refused:
    """How a request ends whose last call came to `outcome`; `detail` as it was kept."""
    reason = Outcome.REFUSED if outcome == Outcome.DECLINED else outcome
    return Refused(str(reason), detail, is_failure=True)
