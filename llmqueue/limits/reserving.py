"""Setting aside what a request, or a call for it, may use: before it, or it is refused.

The guarantee is one statement for each limit: it adds to what is reserved only where
the sum stays within what is allowed. All statements of a transaction come in one order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_UP, Decimal

from django.db import connection
from django.db.models import F

from llmconfig.prices import Price, listed_model
from llmconfig.taken import is_thinking
from llmqueue.limits import periods, wording
from llmqueue.limits.fitting import KINDS, Ceiling, at_asking, at_call
from llmqueue.models import (
    LLMRequest,
    Reservation,
    ReservationState,
    SpendBucket,
)
from llmqueue.resolution.receipts import ModelChoice, Receipt

# What a reply has at the most where its config says nothing: with a limit on costs the
# provider is told so, too.
REPLY_TOKENS = 4096
# Of a model that thinks before it answers: that counts, and has to leave room for words.
THOUGHTFUL_REPLY_TOKENS = 16_384

# A model that costs nothing is asked even where nothing is left.
_TAKE = """
INSERT INTO queue_spendbucket AS bucket (
    limit_id, budget_of_id, subject, period_key, used_requests, used_tokens, used_usd,
    reserved_requests, reserved_tokens, reserved_usd
)
SELECT %(limit)s, %(budget_of)s, %(subject)s, %(period)s, 0, 0, 0,
    %(requests)s, %(tokens)s, %(cost_usd)s
WHERE coalesce(%(requests)s <= %(most_requests)s, true)
    AND coalesce(%(tokens)s <= %(most_tokens)s, true)
    AND coalesce(%(cost_usd)s <= %(most_cost_usd)s, true)
ON CONFLICT ON CONSTRAINT queue_bucket_once DO UPDATE SET
    reserved_requests = bucket.reserved_requests + %(requests)s,
    reserved_tokens = bucket.reserved_tokens + %(tokens)s,
    reserved_usd = bucket.reserved_usd + %(cost_usd)s
WHERE (%(requests)s = 0 OR coalesce(bucket.used_requests + bucket.reserved_requests
        + %(requests)s <= %(most_requests)s, true))
    AND (%(tokens)s = 0 OR coalesce(bucket.used_tokens + bucket.reserved_tokens
        + %(tokens)s <= %(most_tokens)s, true))
    AND (%(cost_usd)s = 0 OR coalesce(bucket.used_usd + bucket.reserved_usd
        + %(cost_usd)s <= %(most_cost_usd)s, true))
RETURNING id
"""


@dataclass(frozen=True)
class _Want:
    """What is to be set aside in `ceiling` for call `number`; 0: for the request itself."""

    request: LLMRequest
    ceiling: Ceiling
    number: int = 0
    requests: int = 0
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)

    @property
    def order(self) -> tuple[int, int]:
        return self.ceiling.order


def reserve_requests(asked: Iterable[tuple[LLMRequest, Receipt | None]]) -> None:
    """Set aside one request for each of these, in every limit known before it runs.

    With each comes who would answer it now, as far as that is known. Raises LimitReached;
    the caller's transaction must then be rolled back. To be called once in it, for all:
    its last locks but counters are taken.
    """
    wants = []
    for request, likely in asked:
        ceilings = at_asking(
            member=request.requested_by,
            place=(request.place_kind, request.place_key),
            on_own_key=likely is not None and likely.key_owner is not None,
        )
        wants += _of_requests(request, ceilings)
    _take(wants)


def reserve_call(
    request: LLMRequest,
    receipt: Receipt,
    *,
    number: int,
    tokens_in: int,
    price: Price | None,
) -> int | None:
    """Set aside what call `number` may use at the most, in every limit that fits.

    Returns the tokens that its reply has to be held to; None: it need not be. Also one
    request in limits that nobody knew of when it was queued; what was set aside in limits
    that do not fit any more is given back. `price` None: not known. Raises LimitReached
    or NoPrice; the caller's transaction must then be rolled back.
    """
    ceilings = at_call(request, receipt)
    mine = Reservation.objects.filter(request=request)
    mine = mine.exclude(state=ReservationState.RELEASED).select_related("bucket")
    counted = {_order(it): it for it in mine if it.attempt_number == 0}
    wants = [it for it in _of_requests(request, ceilings) if it.order not in counted]
    sent = receipt.parameters.get("max_tokens")
    tokens_out = sent or _most_tokens(receipt.choice)
    cost = price.of(tokens_in, tokens_out) if price else Decimal(0)
    for ceiling in ceilings:
        if ceiling.cost_usd is not None and price is None:
            raise wording.no_price(receipt.choice, ceiling)
        if ceiling.tokens is not None or ceiling.cost_usd is not None:
            wants.append(
                _Want(
                    request,
                    ceiling,
                    number,
                    tokens=tokens_in + tokens_out,
                    cost_usd=cost.quantize(Decimal("1e-8"), ROUND_UP),
                )
            )
    fitting = {it.order for it in ceilings if it.requests is not None}
    # A call whose worker was lost is settled by now: one still open was never sent.
    stale = [
        it
        for it in mine
        if it.state == ReservationState.RESERVED
        and (it.attempt_number > 0 or _order(it) not in fitting)
    ]
    _take(wants, stale)
    is_counted_on = any(it.ceiling.cost_usd is not None and it.cost_usd for it in wants)
    return tokens_out if is_counted_on and not sent else None


def _most_tokens(choice: ModelChoice) -> int:
    """What a reply of a model may have whose config says nothing."""
    kind, model = choice.endpoint.kind, choice.model
    listed = listed_model(prices=kind.prices, model=model)
    thinks = is_thinking(model) or (listed is not None and listed.thinks)
    most = THOUGHTFUL_REPLY_TOKENS if thinks else REPLY_TOKENS
    # A provider refuses a call that asks for more than its model can write.
    return min(most, (listed and listed.most_tokens_out) or most)


def _of_requests(request: LLMRequest, ceilings: Iterable[Ceiling]) -> list[_Want]:
    return [
        _Want(request, it, requests=1) for it in ceilings if it.requests is not None
    ]


def _order(reservation: Reservation) -> tuple[int, int]:
    bucket = reservation.bucket
    return (bucket.limit_id or 0, bucket.budget_of_id or 0)


def _take(wants: list[_Want], stale: Iterable[Reservation] = ()) -> None:
    """Give back `stale` and set aside `wants`, bucket after bucket in their one order."""
    if not wants and not stale:
        return
    day = periods.today()
    rows = []
    steps: list[tuple[tuple[int, int], _Want | Reservation]] = [
        *((_order(it), it) for it in stale),
        *((it.order, it) for it in wants),
    ]
    for _, step in sorted(steps, key=lambda it: it[0]):
        if isinstance(step, Reservation):
            _give_back(step)
        else:
            rows.append(_set_aside(step, day))
    Reservation.objects.bulk_create(
        rows,
        update_conflicts=True,  # one that was given back is taken anew
        unique_fields=["request", "attempt_number", "bucket"],
        update_fields=["state", *KINDS],
    )


def _set_aside(want: _Want, day: date) -> Reservation:
    ceiling = want.ceiling
    amounts = {kind: getattr(want, kind) for kind in KINDS}
    values = {
        "limit": ceiling.limit.pk if ceiling.limit else None,
        "budget_of": ceiling.budget_of,
        "subject": ceiling.subject,
        "period": periods.key_of(ceiling.period, day),
        **amounts,
        **{f"most_{kind}": getattr(ceiling, kind) for kind in KINDS},
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, values)
        taken = cursor.fetchone()
    if taken is None:
        raise wording.refusal_of(ceiling, _full(want, day), day)
    return Reservation(
        request=want.request,
        attempt_number=want.number,
        bucket_id=taken[0],
        **amounts,
    )


def _full(want: _Want, day: date) -> str:
    """Which of the kinds had no room."""
    ceiling = want.ceiling
    bucket = SpendBucket.objects.filter(
        limit=ceiling.limit,
        budget_of=ceiling.budget_of,
        subject=ceiling.subject,
        period_key=periods.key_of(ceiling.period, day),
    ).first()
    bucket = bucket or SpendBucket()
    for kind in KINDS:
        most, wanted = getattr(ceiling, kind), getattr(want, kind)
        if most is not None and wanted and bucket.taken(kind) + wanted > most:
            return kind
    return KINDS[0]


def _give_back(reservation: Reservation) -> None:
    SpendBucket.objects.filter(pk=reservation.bucket_id).update(
        reserved_requests=F("reserved_requests") - reservation.requests,
        reserved_tokens=F("reserved_tokens") - reservation.tokens,
        reserved_usd=F("reserved_usd") - reservation.cost_usd,
    )
    Reservation.objects.filter(pk=reservation.pk).update(
        state=ReservationState.RELEASED
    )
