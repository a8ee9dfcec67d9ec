"""Who answers a request as things stand: one way for the worker and for the pages."""

import logging

from llmconfig.models import LLMConfig
from llmqueue.answers.judging import failure_of
from llmqueue.answers.rules import RULES
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.models import LLMAttempt, LLMRequest, Outcome
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.receipts import PAUSED, Receipt, is_on_fallback
from llmqueue.resolution.resolving import resolve, resolve_fallback

log = logging.getLogger(__name__)


def decide(
    request: LLMRequest, inputs: Inputs, lookups: Lookups | None = None
) -> Receipt:
    """The receipt for `request`: on its fallback once it has one, else as resolved.

    `lookups`: see `resolving.resolve`. Raises Refused when it cannot be answered.
    """
    if request.fallback_config is None:
        return resolve(inputs, lookups)
    return _on_fallback(request, inputs, request.fallback_config, lookups)


def _on_fallback(
    request: LLMRequest, inputs: Inputs, fallback: LLMConfig, lookups: Lookups | None
) -> Receipt:
    """The receipt with the fallback; if that cannot serve, the first failure stands.

    It may not have failed but wait for an endpoint that is paused: then it goes on waiting.
    """
    failed = _failed_before(request)
    if failed is None:
        return _around_a_pause(request, inputs, fallback, lookups)
    try:
        told = RULES[Outcome(failed.outcome)].told
        return resolve_fallback(
            inputs, fallback, failed=failed.receipt, told=told, lookups=lookups
        )
    except Refused as refusal:
        log.info("request %s: no fallback: %s", request.public_id, refusal.message)
        raise failure_of(failed.outcome, failed.outcome_detail) from refusal


def _around_a_pause(
    request: LLMRequest, inputs: Inputs, fallback: LLMConfig, lookups: Lookups | None
) -> Receipt:
    lookups = lookups or Lookups([inputs])
    first = resolve(inputs, lookups)
    try:
        return resolve_fallback(
            inputs, fallback, failed=first.as_json(), told=PAUSED, lookups=lookups
        )
    except Refused as refusal:
        log.info("request %s: no way around: %s", request.public_id, refusal.message)
        return first


def _failed_before(request: LLMRequest) -> LLMAttempt | None:
    """The call after which the fallback was set; `attempts` may be fetched already.

    None: no call was made before it.
    """
    # Not the fallback's own call, whose worker may have been lost when it had failed.
    calls = [it for it in request.attempts.all() if not is_on_fallback(it.receipt)]
    failed = (it for it in calls if it.has_failed)
    return max(failed, key=lambda it: it.number, default=None)
