"""What other apps may ask of the queue."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import User
from core import correlation
from core.errors import NotAllowed
from llmconfig.models import Endpoint
from llmqueue import askers, handlers, stops, tasks
from llmqueue.errors import AlreadyEnded, Refused, Stopped, TierNotAllowed
from llmqueue.handlers import Inputs, handler_for
from llmqueue.limits.reserving import reserve_requests
from llmqueue.limits.settling import settle_requests
from llmqueue.live.publishing import announce
from llmqueue.models import Lane, LLMRequest, PromptPart, Status
from llmqueue.pages import waiting
from llmqueue.resolution.bypassing import Way, way_of
from llmqueue.resolution.lookups import Lookups
from llmqueue.work import endings, lanes
from personas.models import Persona


def ai_is_on() -> bool:
    """Whether new calls may be made at all; off wins, wherever it is set."""
    return stops.ai_is_on()


def check_not_stopped(*, persona: Persona | None, place: tuple[str, str]) -> None:
    """Raise Stopped if nobody may ask there, or ask that persona, now."""
    stop = stops.stop_of_asking(persona=persona.pk if persona else None, place=place)
    if stop or not settings.AI_FEATURES_ENABLED:
        raise Stopped(stop)


def ai_is_on_for(member: User) -> bool:
    """Whether calls may be made for `member`, who may have switched AI off as well."""
    return ai_is_on() and askers.wants_ai(member)


@transaction.atomic
def enqueue(
    *,
    kind: str,
    inputs: Inputs,
    place: tuple[str, str],
    idempotency_key: str = "",
    retry_of: LLMRequest | None = None,
) -> LLMRequest:
    """Queue one piece of work for `inputs`; a worker is nudged on commit.

    `place` is (kind, key) of where it belongs, for filters and limits. A second request
    of a member with the same `idempotency_key`, or for the same `retry_of`, raises
    IntegrityError. Raises LimitReached, when it has no room in the limits that are known
    by now, and TierNotAllowed; the caller's transaction must then be rolled back.
    """
    [request] = _enqueue(
        kind,
        [inputs],
        place=place,
        idempotency_key=idempotency_key,
        retry_of=retry_of,
    )
    return request


@transaction.atomic
def enqueue_all(
    *, kind: str, inputs: Sequence[Inputs], place: tuple[str, str]
) -> list[LLMRequest]:
    """As `enqueue`, for several at once: all of them, or none.

    Not one after the other, so that two who do so wait for each other in one order.
    """
    return _enqueue(kind, inputs, place=place)


def _enqueue(kind: str, inputs: Sequence[Inputs], **given: Any) -> list[LLMRequest]:
    lookups = Lookups(inputs)
    ways = [_likely_way(kind, it, lookups) for it in inputs]
    receipts = [way.receipt if way else None for way in ways]
    known = lanes.make_for([it.choice.endpoint for it in receipts if it])
    requests = [
        _write(it, way, known, kind=kind, **given)
        for it, way in zip(inputs, ways, strict=True)
    ]
    reserve_requests(list(zip(requests, receipts, strict=True)))
    transaction.on_commit(tasks.nudge)
    return requests


def _write(
    inputs: Inputs,
    way: Way | None,
    known: dict[Endpoint, Lane],
    *,
    kind: str,
    place: tuple[str, str],
    idempotency_key: str = "",
    retry_of: LLMRequest | None = None,
) -> LLMRequest:
    likely = way.receipt if way else None
    lane = known[likely.choice.endpoint] if likely else lanes.lane_of(None)
    member_id = inputs.member.pk if inputs.member else None
    return LLMRequest.objects.create(
        kind=kind,
        requested_by=inputs.member,
        persona=inputs.persona,
        answerer=inputs.persona,
        asked_name=_asked_name(inputs, retry_of),
        config=inputs.config,
        endpoint=inputs.endpoint,
        mode=inputs.mode,
        place_kind=place[0],
        place_key=place[1],
        lane=lane,
        turn=lanes.next_turn(lane, member_id),
        on_own_key=likely is not None and likely.key_owner is not None,
        fallback_config=way.fallback if way else None,
        idempotency_key=idempotency_key,
        retry_of=retry_of,
        correlation_id=_correlation_id(retry_of),
    )


@transaction.atomic
def cancel(*, request: LLMRequest, reason: str, error_class: str = "cancelled") -> None:
    """End a waiting or running request; its call is cut within two seconds.

    Raises AlreadyEnded when it has a final status.
    """
    if not cancel_all(requests=[request], reason=reason, error_class=error_class):
        raise AlreadyEnded


@transaction.atomic
def cancel_all(
    *, requests: Collection[LLMRequest], reason: str, error_class: str
) -> set[int]:
    """The same for several, whose rows the caller has locked; the ids of those that ended.

    What was set aside for them is given back at once for all, in one order of locks.
    """
    ended = [it for it in requests if _finish(it, reason, error_class)]
    settle_requests([it.pk for it in ended])
    transaction.on_commit(lambda: announce([it.public_id for it in ended]))
    return {it.pk for it in ended}


def _finish(request: LLMRequest, reason: str, error_class: str) -> bool:
    still_open = LLMRequest.objects.unfinished().filter(pk=request.pk)
    count = still_open.finish(
        status=Status.CANCELLED, error_class=error_class, error_message=reason
    )
    return count == 1


def cancel_by(*, request: LLMRequest, member: User) -> None:
    """Cancel as `member` wishes. Raises NotAllowed, or AlreadyEnded when it has ended."""
    if not request.may_be_managed_by(member):
        raise NotAllowed
    with transaction.atomic():
        cancel(request=request, reason=f"Cancelled by @{member.handle.name}.")
        if member.pk != request.requested_by_id:
            endings.tell(request, Status.CANCELLED)


def retry(*, request: LLMRequest, member: User) -> LLMRequest:
    """Ask again for what failed or was cancelled; the new request names the old one.

    A second press returns the same new request. Raises NotAllowed, or what the kind's
    app refuses with, having written nothing.
    """
    if not request.may_be_managed_by(member) or request.status == Status.COMPLETE:
        raise NotAllowed
    if request.is_open:
        return request
    return handler_for(request).retry(request=request, member=member)


@transaction.atomic
def correct_lanes() -> int:
    """Let what waits stand in the line of the endpoint that would answer it now.

    After a change that moves many: they need not wait behind calls that hang. Their
    order stays. Those that come later, the worker moves one by one. Returns how many.
    """
    moving: dict[tuple[Lane, Endpoint], list[int]] = defaultdict(list)
    for request, choice in waiting.what_waits().choices:
        if request.lane.endpoint_id != choice.endpoint.pk:
            moving[request.lane, choice.endpoint].append(request.pk)
    moved = 0
    for (old, endpoint), keys in moving.items():
        new = lanes.lane_of(endpoint)
        # Only what no worker has taken meanwhile.
        still = LLMRequest.objects.filter(pk__in=keys, lane=old, status=Status.PENDING)
        moved += still.move(old, new)
    transaction.on_commit(tasks.nudge)
    return moved


def can_be_retried(request: LLMRequest) -> bool:
    """Whether asking again for a row of `history.with_answers` would be taken."""
    handler = handlers.find(request.kind)
    is_open = handler is not None and handler.why_not_retried(request) is None
    return request.may_be_retried and is_open


def erase(*, source: tuple[str, str], answered_by: LLMRequest | None = None) -> None:
    """Blank what the queue keeps of a text that is gone: prompts made from `source`.

    `source` is (kind, key) as in the prompt's parts; `answered_by` is the request whose
    answer the text was. What was counted and paid stays.
    """
    kind, key = source
    PromptPart.objects.filter(source_kind=kind, source_key=key).update(text="")
    if answered_by is not None:
        answered_by.attempts.update(answer="")


def _correlation_id(retry_of: LLMRequest | None) -> str:
    """That of the first try, else that of the web request which asks."""
    if retry_of is not None:
        return retry_of.correlation_id
    return correlation.current() or correlation.new()


def _asked_name(inputs: Inputs, retry_of: LLMRequest | None) -> str:
    """Whom the member meant, also when that persona is gone since the first try."""
    if inputs.persona is not None:
        return inputs.persona.name
    return retry_of.asked_name if retry_of is not None else ""


def _likely_way(kind: str, inputs: Inputs, lookups: Lookups) -> Way | None:
    """What would answer now; the worker finds out again when it runs.

    Raises TierNotAllowed: that does not mend itself while the request waits.
    """
    try:
        return way_of(inputs, lookups, may_fall_back=handlers.may_fall_back(kind))
    except TierNotAllowed:
        raise
    except Refused:
        return None
