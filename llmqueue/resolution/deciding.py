"""Who answers a request as things stand: one way for the worker and for the pages."""

import logging

from llmconfig.models import LLMConfig
from llmqueue.answers.judging import failure_of
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.models import LLMAttempt, LLMRequest
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.receipts import Receipt, is_on_fallback
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
    """The receipt with the fallback; if that cannot serve, the first failure stands."""
    failed = _failed_before(request)
    try:
        return resolve_fallback(
            inputs, fallback, failed=failed.receipt, lookups=lookups
        )
    except Refused as refusal:
        log.info("request %s: no fallback: %s", request.public_id, refusal.message)
        raise failure_of(failed.outcome, failed.outcome_detail) from refusal


def _failed_before(request: LLMRequest) -> LLMAttempt:
    """The call after which the fallback was set; `attempts` may be fetched already."""
    # Not the fallback's own call, whose worker may have been lost when it had failed.
    calls = [it for it in request.attempts.all() if not is_on_fallback(it.receipt)]
    return max((it for it in calls if it.has_failed), key=lambda it: it.number)
