"""Putting right what was left lying: the guarantee that every request runs.

Safe in doubles: each step is one guarded update or locks its rows and skips others'.
"""

import logging
import uuid
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from core.correlation import correlated
from llmqueue.errors import ERROR_CLASSES
from llmqueue.limits.settling import settle_requests, sweep_reservations
from llmqueue.live.publishing import announce
from llmqueue.models import Lane, LLMRequest, Status, WorkerHeartbeat
from llmqueue.work import detours, endings

log = logging.getLogger(__name__)


class Swept(NamedTuple):
    """What one sweep found: requests made ready, taken from lost workers, claimable."""

    ready: int
    lapsed: int
    claimable: int


def sweep() -> Swept:
    """Make due requests ready and take back those whose worker is gone."""
    ready = make_due_ready()
    lapsed = _take_back_lapsed()
    announce(lapsed)
    sweep_reservations()
    detours.look_after_waiting()
    WorkerHeartbeat.objects.filter(seen_at__lt=Now() - 10 * settings.LLM_LEASE).delete()
    waiting = LLMRequest.objects.filter(
        lane__in=Lane.objects.in_hours(), status=Status.PENDING, is_ready=True
    )
    return Swept(ready, len(lapsed), waiting.count())


def make_due_ready() -> int:
    """Let requests be claimed whose time has come, or whose stop was lifted; how many."""
    freed = LLMRequest.objects.stopped_no_more().update(is_ready=True, stop=None)
    return freed + LLMRequest.objects.due().update(is_ready=True, not_before=None)


@transaction.atomic
def _take_back_lapsed() -> list[uuid.UUID]:
    """Return lapsed requests to their lane, or end those that lapsed too often.

    Their attempts keep the outcome unknown: whether the provider answered is not known.
    They count as if it had, until a worker comes back and knows better.
    """
    lapsed = LLMRequest.objects.lapsed().select_for_update(skip_locked=True)
    requests = list(lapsed)
    ended = [it for it in requests if _take_back(it)]
    settle_requests([it.pk for it in requests])
    # Last, and in one order, since it raises the counters of whoever asked.
    for request in sorted(ended, key=lambda it: it.requested_by_id or 0):
        endings.tell(request, Status.ERROR)
    return [request.public_id for request in requests]


def _take_back(request: LLMRequest) -> bool:
    """Return it to its lane, or end it; whether it ended."""
    with correlated(request.correlation_id):
        log.warning("request %s: its worker is gone", request.public_id)
    if not request.is_at_last_chance:
        LLMRequest.objects.give_back(request, lapses=F("lapses") + 1)
        return False
    return LLMRequest.objects.close(
        request,
        status=Status.ERROR,
        lapses=F("lapses") + 1,
        error_class="crashed",
        error_message=ERROR_CLASSES["crashed"],
    )
