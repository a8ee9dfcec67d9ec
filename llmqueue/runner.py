"""Running requests: claim, freeze, call, judge, settle, conclude."""

import logging
import time
from dataclasses import replace
from datetime import timedelta

from django.db import InterfaceError, OperationalError, connection

from core.errors import SecretUnreadable
from llmconfig import client
from llmconfig.services import call_secrets
from llmqueue import claims, live, outcomes
from llmqueue.cleaning import clean_answer, without_secret
from llmqueue.control import control
from llmqueue.errors import LeaseLost, Refused, WrongLane
from llmqueue.freezing import Frozen, freeze
from llmqueue.judging import Verdict, judge, judge_failure
from llmqueue.models import LLMAttempt, LLMRequest, Outcome

log = logging.getLogger(__name__)

# Together the minute within which a restarted database is back.
_PAUSES_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 20, 20)


def run_next() -> bool:
    """Bring one claimable request a step on; False if there is none.

    No transaction and no connection is held during the call. A model's failure ends in
    a final status, a fallback or a later `not_before`; none is raised.
    """
    return run_once() is not None


def run_once() -> timedelta | None:
    """As `run_next`; returns None if there was nothing to do, else the delay after
    which the request wants to run again, zero if it does not."""
    request = claims.take()
    if request is None:
        return None
    live.announce([request.public_id])
    try:
        if paid := outcomes.answered_attempt(request):
            # Its worker was lost between the answer and the post: nothing is bought twice.
            outcomes.deliver(paid, Verdict(Outcome(paid.outcome), paid.answer))
            return timedelta(0)
        frozen = freeze(request)
    except Refused as refusal:
        outcomes.end(request, refusal)
        return timedelta(0)
    except WrongLane as error:
        outcomes.move(request, error.endpoint)
        return timedelta(0)
    except LeaseLost:
        log.info("request %s: lease lost before its call", request.public_id)
        return timedelta(0)
    with control.watch(frozen.attempt.lease_token) as handle:
        verdict = _call(request, frozen, handle)
        return _keep(frozen.attempt, verdict) or timedelta(0)


def _keep(attempt: LLMAttempt, verdict: Verdict) -> timedelta | None:
    """Settle and conclude; a database that is away, or a deadlock, is waited out.

    The answer is paid for. Both steps may be repeated: settling is guarded by the
    attempt's outcome, delivering by the lease, which is renewed meanwhile.
    """
    for pause in _PAUSES_SECONDS:
        try:
            outcomes.settle(attempt, verdict)
            return outcomes.conclude(attempt, verdict)
        except (OperationalError, InterfaceError) as error:
            log.warning("attempt %s: not kept yet: %s", attempt.pk, error)
            _release_connection()
            time.sleep(pause)
    outcomes.settle(attempt, verdict)
    return outcomes.conclude(attempt, verdict)


def _call(request: LLMRequest, frozen: Frozen, handle: client.CallHandle) -> Verdict:
    """Call the model and judge what comes; its words go live as they arrive."""
    receipt, tag = frozen.receipt, frozen.tag
    name = receipt.persona.name
    call: client.Call | None = None

    def clean(raw: str) -> str:
        key = call.key if call else ""
        return clean_answer(without_secret(raw, key), name=name, tag=tag)

    stream = live.Stream(request.public_id, frozen.attempt.lease_token, clean)
    try:
        call = _prepare(frozen)
        _release_connection()
        live.publisher.open(stream)
        answer = client.complete(call, on_text=stream.add, handle=handle)
    except client.CallFailed as failure:
        return judge_failure(failure)
    except SecretUnreadable as error:
        return judge_failure(client.CallFailed("key_refused", error.message))
    finally:
        live.publisher.close(stream)
    text = without_secret(answer.text, call.key)
    return judge(replace(answer, text=text), name=name, tag=tag)


def _prepare(frozen: Frozen) -> client.Call:
    choice = frozen.receipt.choice
    endpoint = choice.endpoint
    return client.Call(
        route=endpoint.kind.route,
        address=endpoint.address,
        model=choice.model,
        key=call_secrets(endpoint=endpoint),
        parameters=frozen.receipt.parameters,
        messages=frozen.messages,
        deadline=endpoint.call_deadline,
        prices=endpoint.kind.prices,
    )


def _release_connection() -> None:
    """Give the connection back to the pool for the minutes of the call."""
    if not connection.in_atomic_block:  # as it is inside a test's transaction
        connection.close()
