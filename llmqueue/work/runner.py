"""Running requests: claim, freeze, call, judge, settle, conclude."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from django.db import InterfaceError, OperationalError, connection

from core.correlation import correlated
from core.errors import SecretUnreadable
from llmconfig import client
from llmconfig.errors import KeyGone
from llmconfig.services.keys import call_secrets
from llmqueue import stops
from llmqueue.answers.cleaning import (
    clean_answer,
    without_secret,
    without_secret_so_far,
)
from llmqueue.answers.judging import Verdict, judge, judge_failure
from llmqueue.errors import (
    EndpointPaused,
    LeaseLost,
    Refused,
    SwitchedOff,
    WrongLane,
)
from llmqueue.live.publishing import Stream, announce, publisher
from llmqueue.models import LLMAttempt, LLMRequest, Outcome
from llmqueue.prompting.prompts import Message
from llmqueue.prompting.sending import sendable
from llmqueue.work import claims, last_chance, outcomes, simulated
from llmqueue.work.control import control
from llmqueue.work.freezing import Frozen, freeze

log = logging.getLogger(__name__)

# Together the minute within which a restarted database is back.
_PAUSES_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 20, 20)


@dataclass(frozen=True)
class Ran:
    """One step was taken. `again_in`: the delay after which its request wants another."""

    again_in: timedelta | None = None


def run_next() -> Ran | None:
    """Bring one claimable request a step on; None if there is none.

    No transaction and no connection is held during the call. A model's failure ends in
    a final status, a fallback or a later `not_before`; none is raised.
    """
    with last_chance.step() as step:
        request = claims.take(step)
        if request is None:
            return None
        with correlated(request.correlation_id):
            log.info("request %s claimed", request.public_id)
            return _run(request)


def _run(request: LLMRequest) -> Ran:
    with control.watch(request.held_token) as handle:
        if paid := _patiently(request, partial(outcomes.answered_attempt, request)):
            # Its worker was lost between the answer and the post: nothing is bought twice.
            return Ran(_keep(paid, Verdict(Outcome(paid.outcome), paid.answer)))
        frozen = _patiently(request, partial(_freeze, request))
        if frozen is None:
            return Ran()
        announce([request.public_id])  # the page can name who writes by now
        return Ran(_keep(frozen.attempt, _call(request, frozen, handle)))


def _freeze(request: LLMRequest) -> Frozen | None:
    """The attempt to call; None when what stands against it has been written."""
    try:
        return freeze(request)
    except Refused as refusal:
        outcomes.give_up(request, refusal)
    except WrongLane as error:
        outcomes.move(request, error.endpoint)
    except SwitchedOff as error:
        outcomes.hold(request, error.stop)
    except EndpointPaused as error:
        # Its endpoint was paused since the claim, or it has no key of the member's own.
        LLMRequest.objects.give_back(request, on_own_key=error.on_own_key)
    except LeaseLost:
        log.info("request %s: lease lost before its call", request.public_id)
    return None


def _keep(attempt: LLMAttempt, verdict: Verdict) -> timedelta | None:
    """Settle and conclude: the answer is paid for.

    Both may be repeated: settling is guarded by the attempt's outcome, delivering by
    the lease.
    """

    def keep() -> timedelta | None:
        outcomes.settle(attempt, verdict)
        return outcomes.conclude(attempt, verdict)

    return _patiently(attempt.request, keep)


def _patiently[T](request: LLMRequest, work: Callable[[], T]) -> T:
    """What `work` gives; a database that is away, or a deadlock, is waited out.

    `work` may be repeated. The lease is renewed meanwhile.
    """
    for pause in _PAUSES_SECONDS:
        try:
            return work()
        except (OperationalError, InterfaceError) as error:
            log.warning("request %s: not written yet: %s", request.public_id, error)
            _release_connection()
            time.sleep(pause)
    return work()


def _call(request: LLMRequest, frozen: Frozen, handle: client.CallHandle) -> Verdict:
    """Call the model and judge what comes; its words go live as they arrive."""
    receipt, tag = frozen.receipt, frozen.tag
    name = receipt.persona.name
    call: client.Call | None = None

    def clean(raw: str) -> str:
        secret = call.key if call else ""
        return without_secret_so_far(clean_answer(raw, name=name, tag=tag), secret)

    if simulation := simulated.take(frozen):
        return simulation
    stream = Stream(request.public_id, frozen.attempt.lease_token, clean)
    try:
        _release_connection()
        # First what may take long: pictures wait for one another.
        messages = sendable(frozen.messages)
        key = call_secrets(endpoint=receipt.choice.endpoint, owner=receipt.key_owner)
        # Again: what came in between may have taken longer than the switch allows.
        if stops.is_stopped(request, receipt):
            raise SwitchedOff
        _release_connection()
        call = _prepare(frozen, messages, key)
        publisher.open(stream)
        answer = client.complete(call, on_text=stream.add, handle=handle)
    except client.CallFailed as failure:
        return judge_failure(failure)
    except (KeyGone, SwitchedOff) as reason:
        # Nothing was sent: it is decided anew what the request is answered with.
        return judge_failure(client.CallFailed("interrupted", str(reason)))
    except SecretUnreadable as error:
        return judge_failure(client.CallFailed("key_refused", error.message))
    finally:
        publisher.close(stream)
    verdict = judge(answer, name=name, tag=tag)
    # After the cleaning, which could join a key that came in pieces.
    return replace(verdict, text=without_secret(verdict.text, call.key))


def _prepare(frozen: Frozen, messages: list[Message], key: str) -> client.Call:
    choice = frozen.receipt.choice
    endpoint = choice.endpoint
    return client.Call(
        protocol=endpoint.kind.protocol,
        address=endpoint.address,
        model=choice.model,
        key=key,
        parameters=frozen.receipt.parameters,
        messages=messages,
        deadline=endpoint.call_deadline,
        prices=endpoint.kind.prices,
        price=frozen.price,
    )


def _release_connection() -> None:
    """Give the connection back to the pool for the minutes of the call."""
    if not connection.in_atomic_block:  # as it is inside a test's transaction
        connection.close()
