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
from llmconfig.models import Endpoint, KeyState, LLMConfig
from llmconfig.services import keys, members
from llmqueue import stops
from llmqueue.answers.judging import Verdict, failure_of
from llmqueue.answers.rules import RULES
from llmqueue.errors import LeaseLost, Refused
from llmqueue.handlers import handler_for
from llmqueue.limits.settling import settle_call
from llmqueue.live.publishing import announce
from llmqueue.models import (
    Lane,
    LLMAttempt,
    LLMAttemptQuerySet,
    LLMRequest,
    Outcome,
    Status,
    Stop,
    StopScope,
)
from llmqueue.resolution.bypassing import fallback_of, holding
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.receipts import is_on_fallback
from llmqueue.resolution.resolving import resolve_fallback
from llmqueue.usage.recording import record_use
from llmqueue.work import breaker, endings, lanes

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
        if verdict.is_reply:
            _count_use(attempt)
        _note_own_key(attempt, verdict)
        breaker.note(attempt, verdict)


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
    state = KeyState.WORKS if verdict.is_reply else None
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
    if verdict.outcome == Outcome.DECLINED:
        _ask_another(attempt)
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
            if not LLMRequest.objects.close(
                request, status=Status.COMPLETE, **_as_posted(attempt)
            ):
                raise LeaseLost
            handler_for(request).deliver(attempt, text=verdict.text, html=html)
    except LeaseLost:
        log.info("request %s: lease lost, its answer is dropped", request.public_id)
    except Refused as refusal:
        end(request, refusal)
    else:
        announce([request.public_id])


def _as_posted(attempt: LLMAttempt) -> dict[str, Any]:
    """What the request's row says of the call whose text is posted.

    That is not always the last one that was made: see `give_up`.
    """
    model = attempt.receipt["model"]["model"]
    said: dict[str, Any] = {"last_attempt": attempt, "model": model}
    version = attempt.persona_version
    return said if version is None else said | {"answerer": version.persona_id}


def answered_attempt(request: LLMRequest) -> LLMAttempt | None:
    """The attempt of an earlier worker that brought text, and nothing came of it yet."""
    attempt = _with_text(request).last()
    if attempt is None:
        return None
    has_hopped = request.fallback_config_id and not is_on_fallback(attempt.receipt)
    if attempt.outcome == Outcome.DECLINED and has_hopped:
        return None  # what came of it is that the fallback is asked
    attempt.request = request  # with the lease it now has
    return attempt


def give_up(request: LLMRequest, refusal: Refused) -> None:
    """End the request with the reason, unless a model has declined it in prose.

    To read that is better than nothing: what the first one said is then posted.
    """
    declined = _with_text(request).filter(outcome=Outcome.DECLINED).first()
    if declined is None:
        end(request, refusal)
        return
    declined.request = request
    deliver(declined, Verdict(Outcome.DECLINED, declined.answer))


def _with_text(request: LLMRequest) -> LLMAttemptQuerySet:
    """The request's calls whose text may be posted, in their order."""
    calls: LLMAttemptQuerySet = request.attempts.with_text()
    return calls.select_related("persona_version").order_by("number")


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
        **_place_for(request, fallback),
        is_ready=delay is None,
        not_before=None if delay is None else Now() + delay,
        fallback_config=fallback or request.fallback_config,
    )
    if given_back:
        announce([request.public_id])


def _place_for(request: LLMRequest, fallback: LLMConfig | None) -> dict[str, Any]:
    """Where it is to wait, if not where it is: who claims it will find out for sure.

    Nobody claims it outside of the opening hours, which are not those of the fallback.
    """
    lane = request.lane
    if fallback is None or fallback.endpoint_id == lane.endpoint_id:
        return {}
    if Lane.objects.in_hours().filter(pk=lane.pk).exists():
        return {}
    return _place_at(fallback.endpoint, request)


def _place_at(endpoint: Endpoint, request: LLMRequest) -> dict[str, Any]:
    lane = lanes.lane_of(endpoint)
    return {"lane": lane, "turn": lanes.next_turn(lane, request.requested_by_id)}


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
    LLMRequest.objects.give_back(request, **_place_at(endpoint, request))


def _ask_another(attempt: LLMAttempt) -> None:
    """After a refusal in prose: the fallback once, if it can be asked; else it is posted."""
    request = attempt.request
    if fallback := _usable_fallback(attempt):
        put_back(request, fallback=fallback)
    else:
        give_up(request, failure_of(Outcome.DECLINED, ""))


def _try_again(attempt: LLMAttempt, verdict: Verdict) -> timedelta | None:
    """Call the same model again, then its fallback once, else end with the reason."""
    request = attempt.request
    calls = request.attempts.that_ended()
    failures = calls.filter(outcome=verdict.outcome).count()
    may_repeat = (
        request.fallback_config is None
        and failures < verdict.rule.calls
        and calls.count() < settings.LLM_MAX_CALLS - 1
    )
    is_long = may_repeat and verdict.asks_for_long
    instead = _usable_fallback(attempt) if is_long else None
    if may_repeat and instead is None:
        delay = verdict.retry_delay(failures)
        put_back(request, delay=delay)
        return delay
    fallback = instead or _fallback_of(attempt)
    if verdict.rule.falls_back and fallback:
        put_back(request, fallback=fallback)
    else:
        give_up(request, _reason(attempt, verdict))
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


def _usable_fallback(attempt: LLMAttempt) -> LLMConfig | None:
    """The fallback, if it could be called now as far as rights, key and stops go.

    Limits and prices are looked at where they are reserved, when it is called.
    """
    request = attempt.request
    if not _may_fall_back(request):
        return None
    try:
        inputs = handler_for(request).inputs(request)
        lookups = Lookups([inputs])
        fallback = fallback_of(attempt.config, lookups)
        if fallback is None:
            return None
        receipt = resolve_fallback(
            inputs,
            fallback,
            failed=attempt.receipt,
            told=RULES[Outcome.DECLINED].told,
            lookups=lookups,
        )
    except Refused:
        return None
    is_held = stops.stop_of(request, receipt) or holding(receipt, lookups)
    return None if is_held or not stops.ai_is_on() else fallback


def _fallback_of(attempt: LLMAttempt) -> LLMConfig | None:
    """What is asked next, whether or not it can be called now."""
    if not _may_fall_back(attempt.request):
        return None
    return fallback_of(attempt.config, Lookups([]))


def _may_fall_back(request: LLMRequest) -> bool:
    """Whether it is not on its fallback yet: there is one hop and no more."""
    return request.fallback_config is None and handler_for(request).may_fall_back
