"""Making what was set aside into what was used, or giving it back.

Everything follows from the calls' rows, which are the truth: it may be done twice, late,
or by another worker, and comes to the same.
"""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.db.models import F, Q

from llmqueue.limits.fitting import KINDS
from llmqueue.models import (
    LLMAttempt,
    Outcome,
    Reservation,
    ReservationState,
    SpendBucket,
)
from llmqueue.models.limits import column_of


@dataclass(frozen=True)
class _Entry:
    """How a reservation is to stand in its bucket."""

    state: ReservationState
    requests: int
    tokens: int
    cost_usd: Decimal


def settle_call(attempt: LLMAttempt) -> None:
    """Book what this call used, whose outcome has just been written; once for each.

    If it was taken for lost before, its figures come in the place of the estimate.
    """
    _balance([attempt.request_id], late=Q(attempt_number=attempt.number))


def settle_requests(requests: Collection[int]) -> None:
    """Settle what is known of these requests' calls, and give back what none will use.

    To be called in the transaction that ends them or takes them from a lost worker, as
    the last to lock but counters, and once for all of them.
    """
    _balance(requests)


def sweep_reservations() -> None:
    """Settle what was left by workers that were lost after their request had ended."""
    left = Reservation.objects.left_behind().values_list("request", flat=True)
    if requests := set(left):
        _balance(requests)


@transaction.atomic
def _balance(requests: Collection[int], *, late: Q | None = None) -> None:
    concerned = Q(state=ReservationState.RESERVED)
    if late is not None:
        concerned |= late & Q(state=ReservationState.SETTLED)
    found = Reservation.objects.filter(concerned, request__in=requests)
    buckets = SpendBucket.objects.filter(pk__in=found.values("bucket")).in_order()
    if not buckets.select_for_update(no_key=True).values_list("pk"):
        return
    # Read anew under the locks: who held them may have settled some of these.
    calls: dict[int, list[LLMAttempt]] = {}
    for call in LLMAttempt.objects.filter(request__in=requests).with_loss():
        calls.setdefault(call.request_id, []).append(call)
    for reservation in found.select_related("request"):
        _book(reservation, _entry(reservation, calls.get(reservation.request_id, [])))


def _entry(reservation: Reservation, calls: list[LLMAttempt]) -> _Entry | None:
    """How it is to stand, None: as it does."""
    if reservation.attempt_number == 0:
        return _entry_of_request(reservation, calls)
    call = next(it for it in calls if it.number == reservation.attempt_number)
    if call.is_lost:  # type: ignore[attr-defined]
        return _as_reserved(reservation, ReservationState.SETTLED)
    if call.outcome == Outcome.UNKNOWN:
        return None
    if not call.was_sent:
        return _as_reserved(reservation, ReservationState.RELEASED)
    return _Entry(
        ReservationState.SETTLED,
        reservation.requests,
        _tokens(call, reservation),
        _cost(call, reservation),
    )


def _entry_of_request(
    reservation: Reservation, calls: list[LLMAttempt]
) -> _Entry | None:
    """A request counts from its first call that may have reached the provider."""
    over = [it for it in calls if it.outcome != Outcome.UNKNOWN or it.is_lost]  # type: ignore[attr-defined]
    if any(it.was_sent for it in over):
        return _as_reserved(reservation, ReservationState.SETTLED)
    if len(over) < len(calls) or reservation.request.is_open:
        return None
    return _as_reserved(reservation, ReservationState.RELEASED)


def _as_reserved(reservation: Reservation, state: ReservationState) -> _Entry:
    return _Entry(state, reservation.requests, reservation.tokens, reservation.cost_usd)


def _tokens(call: LLMAttempt, reservation: Reservation) -> int:
    """What it used; the estimate, where the provider does not say."""
    if call.tokens_in is not None and call.tokens_out is not None:
        return call.tokens_in + call.tokens_out
    return 0 if call.is_free else reservation.tokens


def _cost(call: LLMAttempt, reservation: Reservation) -> Decimal:
    if call.cost_usd is not None:
        return call.cost_usd
    return Decimal(0) if call.is_free else reservation.cost_usd


def _book(reservation: Reservation, entry: _Entry | None) -> None:
    """Move the reservation, and what its bucket holds of it, to `entry`."""
    if entry is None:
        return
    used, reserved = ReservationState.SETTLED, ReservationState.RESERVED
    changes = {}
    for kind in KINDS:
        name = column_of(kind)
        before, after = getattr(reservation, kind), getattr(entry, kind)
        for state, column in ((used, f"used_{name}"), (reserved, f"reserved_{name}")):
            more = after if entry.state == state else 0
            less = before if reservation.state == state else 0
            changes[column] = F(column) + (more - less)
    SpendBucket.objects.filter(pk=reservation.bucket_id).update(**changes)
    Reservation.objects.filter(pk=reservation.pk).update(
        state=entry.state,
        requests=entry.requests,
        tokens=entry.tokens,
        cost_usd=entry.cost_usd,
    )
