"""The one table of what can become of a request, and what is done about each.

`RULES` has a rule for every outcome of a call, and for every reason for which none is made
or its answer is not posted (`llmqueue.errors.ERROR_CLASSES`, which has the words for whoever
asked). docs/outcomes.md shows both together; a test holds it to what stands here.
"""

from dataclasses import dataclass
from enum import StrEnum

from llmqueue.models import Outcome

# Before the second and the third call; doubled each time, with jitter of a half.
FIRST_PAUSE_SECONDS = 2.0


class Concern(StrEnum):
    """Who can do something about it."""

    NOBODY = "nobody"
    ASKER = "whoever asked"
    STAFF = "whoever sets up the models"
    OPERATOR = "whoever runs the site"


@dataclass(frozen=True)
class Rule:
    """What an outcome leads to.

    `calls`: how often the same model is called in a row before that outcome counts;
    `falls_back`: whether the config's fallback is then asked, once. `told`: what readers
    learn of that model when another answers in its place.
    """

    concerns: Concern
    calls: int = 1
    falls_back: bool = False
    told: str = "failed"


_DECLINED = "declined"

RULES: dict[str, Rule] = {
    # What came back from a call; unknown as long as it runs, or its worker is lost.
    Outcome.UNKNOWN: Rule(Concern.OPERATOR),
    Outcome.ANSWERED: Rule(Concern.NOBODY),
    Outcome.CUT_OFF: Rule(Concern.STAFF),
    # Posted where no fallback can be asked, or where that does no better.
    Outcome.DECLINED: Rule(Concern.ASKER, 1, True, _DECLINED),
    Outcome.REFUSED: Rule(Concern.ASKER, 1, True, _DECLINED),
    Outcome.FILTERED: Rule(Concern.ASKER, 1, True, "was held back by a filter"),
    Outcome.EMPTY: Rule(Concern.STAFF, 2, True),
    Outcome.MALFORMED: Rule(Concern.STAFF, 2, True),
    # The second call is made with as little of the topic as makes sense.
    Outcome.TOO_LONG: Rule(Concern.STAFF, 2, True),
    Outcome.RATE_LIMITED: Rule(Concern.STAFF, 3, True),
    Outcome.OVERLOADED: Rule(Concern.STAFF, 3, True),
    Outcome.UNREACHABLE: Rule(Concern.STAFF, 2, True),
    Outcome.TIMED_OUT: Rule(Concern.STAFF, 1, True),
    Outcome.KEY_REFUSED: Rule(Concern.STAFF),
    Outcome.NO_MODEL: Rule(Concern.STAFF, 1, True),
    Outcome.BAD_REQUEST: Rule(Concern.STAFF),
    Outcome.INTERRUPTED: Rule(Concern.NOBODY),
    Outcome.CANCELLED: Rule(Concern.NOBODY),
    # Why no call is made, or why its answer is not posted.
    "own_key": Rule(Concern.ASKER),
    "no_key": Rule(Concern.STAFF),
    "limit_reached": Rule(Concern.ASKER),
    "sample_used_up": Rule(Concern.ASKER),
    "budget_reached": Rule(Concern.ASKER),
    "tier": Rule(Concern.ASKER),
    "no_price": Rule(Concern.STAFF),
    "ai_off": Rule(Concern.ASKER),
    # It waited for an endpoint that is paused, and for its fallback, as long as it may.
    "endpoint_paused": Rule(Concern.STAFF),
    "no_persona": Rule(Concern.STAFF),
    "persona_gone": Rule(Concern.NOBODY),
    "gone": Rule(Concern.NOBODY),
    "locked": Rule(Concern.NOBODY),
    "crashed": Rule(Concern.OPERATOR),
    "unknown_kind": Rule(Concern.OPERATOR),
}


def rule_words(reason: str) -> str:
    """What is done about an outcome or an error class, and by whom; blank: nothing."""
    rule = RULES.get(reason)
    if rule is None:
        return ""
    steps = []
    if rule.calls > 1:
        steps.append(f"the same model is called up to {rule.calls} times")
    if rule.falls_back:
        steps.append("the fallback is asked once")
    done = f"Where this happens, {', then '.join(steps)}. " if steps else ""
    mends = (
        "" if rule.concerns == Concern.NOBODY else f"To be mended by {rule.concerns}."
    )
    return (done + mends).strip()
