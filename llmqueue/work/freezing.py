"""Fixing who answers, just before the call: rights, receipt, prompt, attempt."""

import logging
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import transaction

from llmconfig.prices import Price, listed_price
from llmconfig.services.prices import entered_price
from llmqueue import stops
from llmqueue.errors import (
    EndpointPaused,
    LeaseLost,
    Refused,
    SwitchedOff,
    WrongLane,
)
from llmqueue.handlers import handler_for
from llmqueue.limits.reserving import reserve_call
from llmqueue.models import LLMAttempt, LLMRequest, Outcome, PromptPart
from llmqueue.prompting import composing, prompts
from llmqueue.resolution.deciding import decide
from llmqueue.resolution.receipts import Receipt
from personas.models import PersonaVersion

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Frozen:
    """An attempt, ready to be called: its row is committed with outcome unknown."""

    attempt: LLMAttempt
    receipt: Receipt
    messages: list[prompts.Message]
    tag: str
    # What staff entered; None: they entered nothing.
    price: Price | None = None


@transaction.atomic
def freeze(request: LLMRequest) -> Frozen:
    """Check every right again, resolve, and write the attempt and its prompt.

    Raises Refused when it must not run, as when a limit has no room, WrongLane when it
    belongs in another lane, SwitchedOff or EndpointPaused when no such call is to be made
    now, and LeaseLost when another worker has it.
    """
    if not LLMRequest.objects.lock_held(request):
        raise LeaseLost
    if request.attempts.count() >= settings.LLM_MAX_ATTEMPTS:
        # However often workers are stopped, a request is not bought for ever.
        raise Refused(
            "crashed", "It was begun too often and never ended.", is_failure=True
        )
    _close_uncalled(request)
    receipt = decide(request, handler_for(request).inputs(request))
    _check_lane(request, receipt)
    tag = composing.new_tag()
    parts = _prompt(request, receipt, tag)
    number = request.attempts.count() + 1
    choice, endpoint = receipt.choice, receipt.choice.endpoint
    entered = entered_price(endpoint=endpoint, model=choice.model)
    most_tokens = reserve_call(
        request,
        receipt,
        number=number,
        tokens_in=sum(part.tokens for part in parts),
        price=entered or listed_price(prices=endpoint.kind.prices, model=choice.model),
    )
    receipt = replace(receipt, most_tokens=most_tokens)
    # As late as can be: the switch promises that no call begins after two seconds.
    _check_switches(request, receipt)
    attempt = _write(request, receipt, parts, number)
    messages = prompts.as_messages(parts)
    return Frozen(attempt, receipt, messages, tag, entered)


def _close_uncalled(request: LLMRequest) -> None:
    """An attempt under this very lease: its commit was cut, so it was never called."""
    left = request.attempts.filter(
        lease_token=request.held_token, outcome=Outcome.UNKNOWN
    )
    left.update(outcome=Outcome.INTERRUPTED, outcome_detail="It was never sent.")


def _check_lane(request: LLMRequest, receipt: Receipt) -> None:
    """Raise WrongLane, or EndpointPaused unless it is the one that was let through."""
    if request.lane.endpoint_id != receipt.choice.endpoint.pk:
        raise WrongLane(receipt.choice.endpoint)
    on_own_key = receipt.key_owner is not None
    is_let_through = request.lane.probe_token == request.lease_token
    if request.lane.holds(on_own_key=on_own_key) and not is_let_through:
        raise EndpointPaused(on_own_key=on_own_key)


def _check_switches(request: LLMRequest, receipt: Receipt) -> None:
    """Raise SwitchedOff while no such call is to begin."""
    if not settings.AI_FEATURES_ENABLED:
        raise SwitchedOff
    if stop := stops.stop_of(request, receipt):
        raise SwitchedOff(stop)


def _prompt(request: LLMRequest, receipt: Receipt, tag: str) -> list[prompts.Part]:
    choice = receipt.choice
    # Another model may take more than the one that said so.
    calls = request.attempts.filter(endpoint=choice.endpoint, config=choice.config)
    is_short = calls.filter(outcome=Outcome.TOO_LONG).exists()
    limits = composing.limits_for(choice, is_short=is_short)
    handler = handler_for(request)
    conversation = handler.messages(request, most_passages=limits.posts)
    if receipt.version.pk:  # it may have been erased while the topic was waited for
        held = PersonaVersion.objects.hold_words(receipt.version.pk)
        receipt = replace(receipt, version=held)
    return composing.compose(receipt, conversation, limits=limits, tag=tag)


def _write(
    request: LLMRequest, receipt: Receipt, parts: list[prompts.Part], number: int
) -> LLMAttempt:
    choice = receipt.choice
    attempt = LLMAttempt.objects.create(
        request=request,
        number=number,
        lease_token=request.held_token,
        receipt=receipt.as_json(),
        persona_version=receipt.version if receipt.version.pk else None,
        config=choice.config,
        endpoint=choice.endpoint,
        key_owner=receipt.key_owner,
    )
    LLMRequest.objects.filter(pk=request.pk).update(
        answerer=receipt.persona, model=choice.model, last_attempt=attempt
    )
    PromptPart.objects.bulk_create(
        PromptPart(
            attempt=attempt,
            position=position,
            kind=part.kind,
            role=part.role,
            source_kind=part.source_kind,
            source_key=part.source_key,
            text=part.text,
            tokens=part.tokens,
        )
        for position, part in enumerate(parts)
    )
    log.info(
        "request %s attempt %s: persona by %s, model %s by %s",
        request.public_id,
        attempt.number,
        receipt.persona_steps[-1].rule,
        choice.model,
        receipt.config_steps[-1].rule,
    )
    return attempt
