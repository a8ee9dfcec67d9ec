"""What is written when a call has ended: settling, delivering, trying again, ending.

Settling happens whatever became of the lease. Everything else begins with an update
that is fenced by the lease token, so of two workers only one can act.
"""

import logging
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from core import markup
from llmconfig.models import Endpoint, KeyState, LLMConfig, ModelProfile
from llmconfig.services import keys, members
from llmqueue.answers.judging import Verdict, failure_of
from llmqueue.errors import LeaseLost, Refused
from llmqueue.handlers import handler_for
from llmqueue.limits.settling import settle_call
from llmqueue.live.publishing import announce
from llmqueue.models import LLMAttempt, LLMRequest, Outcome, Status, Stop, StopScope
from llmqueue.usage.recording import record_use
from llmqueue.work import endings, lanes

log = logging.getLogger(__name__)


@transaction.atomic
def settle(attempt: LLMAttempt, verdict: Verdict) -> None:
    """Write what one call brought and used, once; what is not known stays null."""
    brought: dict[str, Any] = {
        "outcome": verdict.outcome,
        "outcome_detail": verdict.detail,
        "answer": verdict.text,
    }
    if (answer := verdict.answer) is not None:
        cost = answer.cost_usd
        brought |= {
            "tokens_in": answer.tokens_in,
            "tokens_out": answer.tokens_out,
            "cost_usd": cost and cost.quantize(Decimal("1e-8")),
            "first_text_seconds": answer.first_text_seconds,
            "total_seconds": answer.total_seconds,
        }
    # Only a call that is not settled yet: a lapsed one may have been, meanwhile.
    unsettled = LLMAttempt.objects.filter(pk=attempt.pk, outcome=Outcome.UNKNOWN)
    if unsettled.update(**brought):
        settle_call(attempt)
        record_use(attempt)
        if verdict.is_answer:
            _count_use(attempt)
        _note_own_key(attempt, verdict)


def _count_use(attempt: LLMAttempt) -> None:
    """Count it where the member said which model they want of that endpoint."""
    member_id, endpoint_id = attempt.request.requested_by_id, attempt.endpoint_id
    if member_id is not None and endpoint_id is not None:
        model = attempt.receipt["model"]["model"]
        members.count_use(member_id=member_id, endpoint_id=endpoint_id, model=model)


def _note_own_key(attempt: LLMAttempt, verdict: Verdict) -> None:
    """Tell a member's key that it was used, and whether the provider took it."""
    if verdict.answer is None or attempt.key_owner_id is None:
        return  # nothing was sent, or not with such a key
    owner, endpoint = attempt.key_owner, attempt.endpoint
    if owner is None or endpoint is None:
        return
    state = KeyState.WORKS if verdict.is_answer else None
    if verdict.outcome == Outcome.KEY_REFUSED:
        state = KeyState.REFUSED
    keys.note_call(
        owner=owner, endpoint=endpoint, began_at=attempt.started_at, state=state
    )


def conclude(attempt: LLMAttempt, verdict: Verdict) -> timedelta | None:
    """Deliver the answer, or do what the outcome's rule says.

    Returns the delay after which the request wants to run again and somebody has to be
    told; None if it has ended, or if whoever asks for the next request gets it.
    """
    request = attempt.request
    if verdict.is_answer:
        deliver(attempt, verdict)
        return None
    if verdict.outcome == Outcome.INTERRUPTED:
        put_back(request)
        return timedelta(0)  # this worker is about to end: another has to be told
    if verdict.outcome == Outcome.CANCELLED:
        log.info("request %s: lease lost, its answer is dropped", request.public_id)
        return None
    return _try_again(attempt, verdict)


def deliver(attempt: LLMAttempt, verdict: Verdict) -> None:
    """Put the answer in its place and close the request, both or neither.

    The text is rendered before the transaction. If another worker holds the request
    nothing is written; if the handler refuses, the request ends with its reason.
    """
    request = attempt.request
    html = markup.render(verdict.text)
    try:
        with transaction.atomic():
            if not LLMRequest.objects.close(request, status=Status.COMPLETE):
                raise LeaseLost
            handler_for(request).deliver(attempt, text=verdict.text, html=html)
    except LeaseLost:
        log.info("request %s: lease lost, its answer is dropped", request.public_id)
    except Refused as refusal:
        end(request, refusal)
    else:
        announce([request.public_id])


def answered_attempt(request: LLMRequest) -> LLMAttempt | None:
    """The attempt of an earlier worker that has an answer which was not delivered."""
    attempt = (
        request.attempts.that_answered()
        .select_related("persona_version")
        .order_by("-number")
        .first()
    )
    if attempt is not None:
        attempt.request = request  # with the lease it now has
    return attempt


def end(request: LLMRequest, refusal: Refused) -> None:
    """End the request with the refusal's reason, if its lease is still held."""
    ended = endings.end_held(
        request,
        status=Status.ERROR if refusal.is_failure else Status.CANCELLED,
        error_class=refusal.error_class,
        error_message=refusal.message,
    )
    if ended:
        log.info("request %s ends: %s", request.public_id, refusal.error_class)
        announce([request.public_id])


def put_back(
    request: LLMRequest,
    *,
    delay: timedelta | None = None,
    fallback: LLMConfig | None = None,
) -> None:
    """Let the request wait again, at once or after `delay`, without counting a lapse."""
    given_back = LLMRequest.objects.give_back(
        request,
        is_ready=delay is None,
        not_before=None if delay is None else Now() + delay,
        fallback_config=fallback or request.fallback_config,
    )
    if given_back:
        announce([request.public_id])


def hold(request: LLMRequest, stop: Stop | None) -> None:
    """Let the request wait until calls may be made; None: as long as AI is off.

    Nothing is claimed for a stopped site or endpoint. What waits for a persona or a place
    is set aside, as other requests of its lane go on.
    """
    if stop is None or stop.scope in (StopScope.SITE, StopScope.ENDPOINT):
        put_back(request)
    elif LLMRequest.objects.give_back(request, is_ready=False, stop=stop):
        announce([request.public_id])


def move(request: LLMRequest, endpoint: Endpoint) -> None:
    """Let the request wait in the lane of `endpoint`, without counting a lapse."""
    lane = lanes.lane_of(endpoint)
    LLMRequest.objects.give_back(
        request, lane=lane, turn=lanes.next_turn(lane, request.requested_by_id)
    )


def _try_again(attempt: LLMAttempt, verdict: Verdict) -> timedelta | None:
    """Call the same model again, then its fallback once, else end with the reason."""
    request = attempt.request
    on_fallback = request.fallback_config is not None
    calls = request.attempts.that_ended()
    failures = calls.filter(outcome=verdict.outcome).count()
    may_repeat = (
        failures < verdict.rule.calls and calls.count() < settings.LLM_MAX_CALLS
    )
    if may_repeat and not on_fallback:
        delay = verdict.retry_delay(failures)
        put_back(request, delay=delay)
        return delay
    fallback = _fallback_of(attempt)
    if verdict.rule.falls_back and fallback and not on_fallback:
        put_back(request, fallback=fallback)
        return None
    end(request, _reason(attempt, verdict))
    return None


def _reason(attempt: LLMAttempt, verdict: Verdict) -> Refused:
    """Why the request ends; of a member's own key it says whose it is to mend."""
    is_own = attempt.key_owner_id is not None
    if not is_own or verdict.outcome != Outcome.KEY_REFUSED:
        return failure_of(verdict.outcome, verdict.detail)
    unreadable = verdict.detail if verdict.answer is None else ""
    return Refused("own_key", unreadable or _own_key_refused(attempt), is_failure=True)


def _own_key_refused(attempt: LLMAttempt) -> str:
    return (
        f"{attempt.endpoint} refused the member's own key, or its account may not do this."
        " They can put it right in Settings, under Keys."
    )


def _fallback_of(attempt: LLMAttempt) -> LLMConfig | None:
    """The config's own fallback, else that of the site: the profile `fallback`."""
    config = attempt.config
    fallback = config.fallback if config is not None else None
    if fallback is None:
        profile = ModelProfile.objects.filter(key="fallback").first()
        fallback = profile.config if profile is not None else None
    return None if fallback == config else fallback
