"""Running requests: claim, freeze, call, judge, settle, conclude."""

import logging
from datetime import timedelta

from django.db import connection

from core.errors import SecretUnreadable
from llmconfig import client
from llmconfig.services import call_secrets
from llmqueue import claims, live, outcomes
from llmqueue.cleaning import clean_answer
from llmqueue.control import control
from llmqueue.errors import LeaseLost, Refused, WrongLane
from llmqueue.freezing import Frozen, freeze
from llmqueue.judging import Verdict, judge, judge_failure
from llmqueue.models import LLMRequest

log = logging.getLogger(__name__)


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
    verdict = _call(request, frozen)
    outcomes.settle(frozen.attempt, verdict)
    return outcomes.conclude(frozen.attempt, verdict) or timedelta(0)


def _call(request: LLMRequest, frozen: Frozen) -> Verdict:
    """Call the model and judge what comes; its words go live as they arrive."""
    receipt, tag = frozen.receipt, frozen.tag
    name = receipt.persona.name
    token = frozen.attempt.lease_token
    stream = live.Stream(
        request.public_id, token, lambda raw: clean_answer(raw, name=name, tag=tag)
    )
    try:
        call = _prepare(frozen)
        _release_connection()
        live.publisher.open(stream)
        with control.watch(token) as handle:
            answer = client.complete(call, on_text=stream.add, handle=handle)
    except client.CallFailed as failure:
        return judge_failure(failure)
    except SecretUnreadable as error:
        return judge_failure(client.CallFailed("key_refused", error.message))
    finally:
        live.publisher.close(stream)
    return judge(answer, name=name, tag=tag)


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
