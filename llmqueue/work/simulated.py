"""Failures that staff let happen: the call is not made, all that follows is as ever."""

import logging

from django.db import connection, transaction

from llmconfig.client import CallFailed
from llmqueue.answers.judging import Verdict, judge_failure
from llmqueue.errors import ERROR_CLASSES
from llmqueue.models import LLMAttempt, Outcome
from llmqueue.work.freezing import Frozen

log = logging.getLogger(__name__)

NOTE = "Simulated by staff, nothing was sent."

# One statement, so that parallel calls never take more than there are.
_TAKE = """
UPDATE queue_simulatedfailure SET calls_left = calls_left - 1
WHERE endpoint_id = %s AND calls_left > 0 AND until > statement_timestamp()
RETURNING outcome
"""


def take(frozen: Frozen) -> Verdict | None:
    """The failure that this call is to meet instead of being made; None: none.

    Calls with a member's own key are left alone. The attempt is marked at once, so that
    it never counts as sent.
    """
    if frozen.receipt.key_owner is not None:
        return None
    attempt = frozen.attempt
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, [frozen.receipt.choice.endpoint.pk])
            row = cursor.fetchone()
        if row is None:
            return None
        LLMAttempt.objects.filter(pk=attempt.pk).update(is_simulated=True)
    attempt.is_simulated = True
    outcome = Outcome(row[0])
    log.info("attempt %s: %s is simulated", attempt.pk, outcome)
    detail = f"{NOTE} {ERROR_CLASSES[outcome]}"
    # Without figures: nothing was used.
    return judge_failure(CallFailed(str(outcome), detail))
