"""Fixing who answers, just before the call: rights, receipt, prompt, attempt."""

import logging
import secrets
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from core.models import SiteSettings
from llmconfig import client
from llmconfig.models import LLMConfig
from llmqueue import claims, prompts
from llmqueue.errors import LeaseLost, Refused, SwitchedOff, WrongLane
from llmqueue.handlers import Inputs, handler_for
from llmqueue.judging import failure_of
from llmqueue.models import LLMAttempt, LLMRequest, Outcome, PromptPart
from llmqueue.receipts import Receipt
from llmqueue.resolution import resolve, resolve_fallback

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Frozen:
    """An attempt, ready to be called: its row is committed with outcome unknown."""

    attempt: LLMAttempt
    receipt: Receipt
    messages: list[dict[str, str]]
    tag: str


@transaction.atomic
def freeze(request: LLMRequest) -> Frozen:
    """Check every right again, resolve, and write the attempt and its prompt.

    Raises Refused when it must not run, WrongLane when it belongs in another lane,
    SwitchedOff when no calls are to be made now, and LeaseLost when another worker has it.
    """
    if not LLMRequest.objects.lock_held(request):
        raise LeaseLost
    if request.attempts.count() >= settings.LLM_MAX_ATTEMPTS:
        # However often workers are stopped, a request is not bought for ever.
        raise Refused(
            "crashed", "It was begun too often and never ended.", is_failure=True
        )
    _close_uncalled(request)
    handler = handler_for(request)
    inputs = handler.inputs(request)
    if request.fallback_config is None:
        receipt = resolve(inputs)
    else:
        receipt = _on_fallback(request, inputs, request.fallback_config)
    if request.lane.endpoint_id != receipt.choice.endpoint.pk:
        raise WrongLane(receipt.choice.endpoint)
    tag = f"post-{secrets.token_hex(3)}"
    parts = _prompt(request, receipt, tag)
    # As late as can be: the switch promises that no call begins after two seconds.
    if not claims.ai_is_on():
        raise SwitchedOff
    attempt = _write(request, receipt, parts)
    return Frozen(attempt, receipt, prompts.as_messages(parts), tag)


def _close_uncalled(request: LLMRequest) -> None:
    """An attempt under this very lease: its commit was cut, so it was never called."""
    left = request.attempts.filter(
        lease_token=request.held_token, outcome=Outcome.UNKNOWN
    )
    left.update(outcome=Outcome.INTERRUPTED, outcome_detail="It was never sent.")


def _on_fallback(request: LLMRequest, inputs: Inputs, fallback: LLMConfig) -> Receipt:
    """The receipt with the fallback; if that cannot serve, the first failure stands."""
    # Not the fallback's own call, whose worker may have been lost when it had failed.
    calls = request.attempts.that_failed().exclude(config=fallback)
    failed = calls.latest("number")
    try:
        return resolve_fallback(inputs, fallback, failed=failed.receipt)
    except Refused as refusal:
        log.info("request %s: no fallback: %s", request.log_name, refusal.message)
        raise failure_of(failed.outcome, failed.outcome_detail) from refusal


def _prompt(request: LLMRequest, receipt: Receipt, tag: str) -> list[prompts.Part]:
    choice = receipt.choice
    config = choice.config or LLMConfig()
    # Another model may take more than the one that said so.
    calls = request.attempts.filter(endpoint=choice.endpoint, config=choice.config)
    shortened = calls.filter(outcome=Outcome.TOO_LONG).exists()
    limits = prompts.Limits(
        posts=1 if shortened else config.context_posts,
        tokens=0 if shortened else config.context_tokens,
    )
    return prompts.build(
        site_rules=SiteSettings.load().site_rules,
        persona=receipt.persona,
        version=receipt.version,
        conversation=handler_for(request).messages(request, most_passages=limits.posts),
        limits=limits,
        tag=tag,
        count=client.count_tokens,
    )


def _write(
    request: LLMRequest, receipt: Receipt, parts: list[prompts.Part]
) -> LLMAttempt:
    choice = receipt.choice
    attempt = LLMAttempt.objects.create(
        request=request,
        number=request.attempts.count() + 1,
        lease_token=request.held_token,
        receipt=receipt.as_json(),
        persona_version=receipt.version,
        config=choice.config,
        endpoint=choice.endpoint,
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
        request.log_name,
        attempt.number,
        receipt.persona_steps[-1].rule,
        choice.model,
        receipt.config_steps[-1].rule,
    )
    return attempt
