"""Lanes, and the turn a request gets in one."""

from collections.abc import Iterable

from django.db.models import Max

from llmconfig.models import Endpoint
from llmqueue.models import Lane, LLMRequest


def lane_of(endpoint: Endpoint | None) -> Lane:
    """The lane of `endpoint`, made on first use; None: of requests without one."""
    lane, _ = Lane.objects.get_or_create(endpoint=endpoint)
    return lane


def make_for(endpoints: Iterable[Endpoint]) -> dict[Endpoint, Lane]:
    """The lanes of these; what has none gets one, in one order for all who do so."""
    in_order = sorted(set(endpoints), key=lambda it: it.pk)
    return {endpoint: lane_of(endpoint) for endpoint in in_order}


def next_turn(lane: Lane, member_id: int | None) -> int:
    """Where a member's new request stands: behind their own, level with the others.

    A newcomer enters at the turn now served, so nobody stands behind another member's
    backlog. Own requests that were served count too: who asks again as soon as they are
    answered would otherwise come first for ever.
    """
    own = LLMRequest.objects.counting_for_turns().filter(
        lane=lane, requested_by=member_id
    )
    highest: int | None = own.aggregate(highest=Max("turn"))["highest"]
    return lane.turn if highest is None else max(lane.turn, highest + 1)
