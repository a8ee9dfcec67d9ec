"""The circuit breaker: an endpoint that fails again and again is left alone for a while.

Failures in a row that speak of the endpoint, and not of one request, pause its lane. When
the pause is over one request is let through (`claims`); until its call is judged all
others wait. Calls with a member's own key never pause a lane.
"""

import logging
import random
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from llmqueue.answers.judging import Verdict
from llmqueue.models import SITE_KEY_TROUBLE, Lane, LLMAttempt, Outcome
from llmqueue.work import detours

log = logging.getLogger(__name__)

# What speaks of the endpoint as a whole, and what only a working one gives.
FAULTS = frozenset(
    {
        Outcome.OVERLOADED,
        Outcome.TIMED_OUT,
        Outcome.UNREACHABLE,
        Outcome.MALFORMED,
        *SITE_KEY_TROUBLE,
    }
)
SIGNS_OF_LIFE = frozenset(
    {
        Outcome.ANSWERED,
        Outcome.CUT_OFF,
        Outcome.DECLINED,
        Outcome.EMPTY,
        Outcome.REFUSED,
        Outcome.FILTERED,
        Outcome.TOO_LONG,
    }
)
# What finds fault with one request or its model counts neither way: an endpoint that is well
# may say so for ever. But if it says so to the one call that was let through after a pause,
# it is there, and nobody has to wait for a request that is without a fault as well.
FAULTS_OF_ONE = frozenset({Outcome.NO_MODEL, Outcome.BAD_REQUEST})
_LONGEST_EXPONENT = 20
_MOST_COUNTED = 30_000

# One statement, so that calls which end at the same moment are all counted. While the lane
# is paused only the call that was let through counts: others began before.
_COUNT = """
UPDATE queue_lane SET
    failures = least(failures + 1, %(most_counted)s),
    broken_at = coalesce(broken_at, CASE WHEN failures + 1 >= %(most)s
        THEN statement_timestamp() END),
    broken_until = CASE WHEN broken_at IS NOT NULL OR failures + 1 >= %(most)s
        THEN statement_timestamp() + greatest(%(asked)s, %(jitter)s
            * least(%(longest)s, %(first)s
                * power(2, greatest(0, least(failures + 1 - %(most)s, %(exponent)s)))))
        END,
    broken_by = CASE WHEN broken_at IS NOT NULL OR failures + 1 >= %(most)s
        THEN %(outcome)s ELSE '' END,
    probe_token = NULL
WHERE endpoint_id = %(endpoint)s
    AND (broken_until IS NULL AND %(counts)s OR probe_token = %(token)s)
RETURNING failures, broken_until, endpoint_id
"""


def note(attempt: LLMAttempt, verdict: Verdict) -> None:
    """Let the lane of this call's endpoint learn how it ended.

    To be called once, as the last in the transaction that has settled the call.
    """
    is_own_key = attempt.receipt["key"] == "member"
    if verdict.outcome in SIGNS_OF_LIFE:
        _reset(attempt, is_own_key=is_own_key)
    elif verdict.outcome in FAULTS_OF_ONE:
        if not verdict.is_unsent:
            _end_pause(attempt, is_own_key=is_own_key)
    elif verdict.outcome in FAULTS:
        if verdict.outcome in SITE_KEY_TROUBLE and is_own_key:
            return
        if verdict.outcome == Outcome.KEY_REFUSED and not _was_asked(attempt, verdict):
            return
        _count(attempt, verdict, counts=not is_own_key and not _waits_a_moment(verdict))


def _was_asked(attempt: LLMAttempt, verdict: Verdict) -> bool:
    """Whether the provider said so, and not a worker that cannot read the key."""
    return verdict.answer is not None or attempt.is_simulated


def _waits_a_moment(verdict: Verdict) -> bool:
    """Whether the provider asked for a delay so short that it is no trouble."""
    wait = verdict.retry_after
    return wait is not None and wait < settings.LLM_BREAKER_FIRST_PAUSE


def _reset(attempt: LLMAttempt, *, is_own_key: bool) -> None:
    """It answers: end its pause, or begin to count anew."""
    if not _end_pause(attempt, is_own_key=is_own_key) and not is_own_key:
        lane = Lane.objects.filter(endpoint=attempt.endpoint_id)
        lane.filter(broken_until=None, failures__gt=0).close()


def _end_pause(attempt: LLMAttempt, *, is_own_key: bool) -> bool:
    """Close the breaker if this call was let through for that; whether it did."""
    lane = Lane.objects.filter(endpoint=attempt.endpoint_id)
    probed = lane.filter(probe_token=attempt.lease_token)
    if is_own_key:  # of the site's it says nothing
        probed = probed.exclude(broken_by__in=SITE_KEY_TROUBLE)
    if not probed.close():
        return False
    log.info("endpoint %s answers again", attempt.endpoint_id)
    return True


def _count(attempt: LLMAttempt, verdict: Verdict, *, counts: bool) -> None:
    longest = settings.LLM_BREAKER_LONGEST_PAUSE
    values: dict[str, Any] = {
        "most": settings.LLM_BREAKER_FAILURES,
        "most_counted": _MOST_COUNTED,
        "exponent": _LONGEST_EXPONENT,
        "first": settings.LLM_BREAKER_FIRST_PAUSE,
        "longest": longest,
        "asked": min(verdict.retry_after or timedelta(), longest),
        "jitter": random.uniform(0.75, 1),  # noqa: S311  # spreads calls, no secret
        "outcome": str(verdict.outcome),
        "endpoint": attempt.endpoint_id,
        "token": attempt.lease_token,
        "counts": counts,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, values)
        counted = cursor.fetchone()
    if counted is not None and counted[1] is not None:
        log.warning(
            "endpoint %s is paused until %s: %s, failure %s in a row",
            attempt.endpoint_id,
            counted[1],
            verdict.outcome,
            counted[0],
        )
        # What waits need not wait where something else may answer.
        transaction.on_commit(partial(detours.send_on, counted[2]), robust=True)
