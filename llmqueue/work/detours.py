"""What becomes of requests that wait for a paused endpoint.

Each goes where something else may answer it, or waits, but not for ever. Safe in doubles:
each step is one update of what still waits there.
"""

import logging
from collections import defaultdict
from collections.abc import Collection

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from llmconfig.models import Endpoint, LLMConfig
from llmqueue import stops
from llmqueue.errors import ERROR_CLASSES
from llmqueue.handlers import may_fall_back
from llmqueue.limits.settling import settle_requests
from llmqueue.live.publishing import announce
from llmqueue.models import Lane, LLMAttempt, LLMRequest, Status, Stop
from llmqueue.pages import history
from llmqueue.pages.outlook import decide_waiting
from llmqueue.resolution.bypassing import fallback_of, holding
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.receipts import Receipt
from llmqueue.work import endings, lanes

log = logging.getLogger(__name__)

# More of one lane are not looked at in one go; the next sweep looks at others.
MOST_LOOKED_AT = 500
_MOST_ENDED = 200

# Where a request is to wait, and the fallback that is asked there; None: as it was.
type _Goal = tuple[Endpoint, LLMConfig | None]


def look_after_waiting() -> None:
    """Send on, or end, what waits for any paused endpoint; a sweep does it."""
    for lane in Lane.objects.paused():
        _send_on(lane)
        _end_impatient(lane)


def send_on(endpoint_id: int) -> None:
    """Send on what waits for this endpoint, if it is paused."""
    for lane in Lane.objects.paused().filter(endpoint=endpoint_id):
        _send_on(lane)


def _send_on(lane: Lane) -> None:
    waiting = LLMRequest.objects.held_by_pause(lane)
    # Others each time, so that those who must wait hide nobody who need not.
    keys = waiting.order_by("?").values_list("pk", flat=True)[:MOST_LOOKED_AT]
    rows = history.with_answers(LLMRequest.objects.filter(pk__in=list(keys)), None)
    _let_be_posted(lane, [it.pk for it in rows if it.is_frozen])
    undecided = [it for it in rows if not it.is_frozen]
    if not undecided:
        return
    lookups = Lookups([])
    goals: dict[_Goal, list[LLMRequest]] = defaultdict(list)
    spared: list[LLMRequest] = []
    with_fallback: list[LLMRequest] = []
    fallbacks: dict[LLMConfig | None, LLMConfig | None] = {}
    for request, receipt in _decided(undecided):
        config = receipt.choice.config
        if receipt.choice.endpoint.pk != lane.endpoint_id:
            goals[receipt.choice.endpoint, None].append(request)
        elif not holding(receipt, lookups):
            spared.append(request)
        elif request.fallback_config_id is None and may_fall_back(request.kind):
            if config not in fallbacks:
                fallbacks[config] = fallback_of(config, lookups)
            if (fallback := fallbacks[config]) is not None:
                request.fallback_config = fallback
                with_fallback.append(request)
    for request, receipt in _decided(with_fallback):
        if receipt.is_on_fallback and not holding(receipt, lookups):
            goal = receipt.choice.endpoint, request.fallback_config
            goals[goal].append(request)
    _spare(lane, spared)
    for (endpoint, fallback), requests in goals.items():
        _move(lane, requests, endpoint, fallback)


def _decided(requests: list[LLMRequest]) -> list[tuple[LLMRequest, Receipt]]:
    """Those that somebody may answer, each with who would; by the worker's own function."""
    decided = decide_waiting(requests)
    pairs = ((it, decided[it.pk]) for it in requests)
    return [(it, found) for it, found in pairs if isinstance(found, Receipt)]


def _spare(lane: Lane, requests: list[LLMRequest]) -> None:
    """Let them be claimed: their members have keys of their own by now."""
    still = LLMRequest.objects.held_by_pause(lane)
    still.filter(pk__in=[it.pk for it in requests]).update(on_own_key=True)


def _move(
    old: Lane,
    requests: list[LLMRequest],
    endpoint: Endpoint,
    fallback: LLMConfig | None,
) -> None:
    """Let them wait in the lane of `endpoint`, in the order they had."""
    new = lanes.lane_of(endpoint)
    still = LLMRequest.objects.held_by_pause(old).filter(
        pk__in=[it.pk for it in requests]
    )
    changes: dict[str, object] = {}
    if fallback is not None:
        # What it was delayed for was the other's trouble.
        changes = {"fallback_config": fallback, "is_ready": True, "not_before": None}
    if moved := still.move(old, new, **changes):
        log.info("%s requests go from paused lane %s to %s", moved, old.pk, new.pk)
        announce([it.public_id for it in requests])


def _let_be_posted(old: Lane, keys: Collection[int]) -> None:
    """Let a worker post what a model has said to these already: no endpoint is needed.

    Where that was no in prose, it is the answer now, unless the fallback is back by then.
    """
    if not keys:
        return
    still = LLMRequest.objects.held_by_pause(old).filter(pk__in=keys)
    still.move(
        old, lanes.lane_of(None), fallback_config=None, is_ready=True, not_before=None
    )


@transaction.atomic
def _end_impatient(lane: Lane) -> None:
    """End those that have waited as long as one may; while staff stop calls, none.

    Whoever has an answer already, if only a refusal in prose, gets that.
    """
    long_ago = Now() - settings.LLM_BREAKER_PATIENCE
    # Nobody was called outside of the opening hours: it counts from when they began.
    open_lanes = Lane.objects.in_hours().in_hours(at=long_ago)
    is_old = open_lanes.filter(pk=lane.pk, broken_at__lt=long_ago).exists()
    if not is_old or not stops.ai_is_on():
        return
    if Stop.objects.against(endpoint=lane.endpoint_id).exists():
        return
    waiting = LLMRequest.objects.held_by_pause(lane).filter(created_at__lt=long_ago)
    locked = waiting.select_for_update(skip_locked=True, of=("self",))
    found = list(locked.order_by("pk")[:_MOST_ENDED])
    said = LLMAttempt.objects.with_text().filter(request__in=found)
    answered = set(said.values_list("request", flat=True))
    _let_be_posted(lane, answered)
    ended = [it for it in found if it.pk not in answered]
    LLMRequest.objects.filter(pk__in=[it.pk for it in ended]).finish(
        status=Status.ERROR,
        error_class="endpoint_paused",
        error_message=ERROR_CLASSES["endpoint_paused"],
    )
    settle_requests([it.pk for it in ended])
    # Last, and in one order, since it raises the counters of whoever asked.
    for request in sorted(ended, key=lambda it: it.requested_by_id or 0):
        log.info("request %s ends: endpoint_paused", request.public_id)
        endings.tell(request, Status.ERROR)
    transaction.on_commit(lambda: announce([it.public_id for it in ended]))
