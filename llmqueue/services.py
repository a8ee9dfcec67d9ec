"""What other apps may ask of the queue."""

from django.db import transaction

from accounts.models import User
from core import correlation
from core.errors import NotAllowed
from llmconfig.models import Endpoint
from llmqueue import askers, handlers, tasks
from llmqueue.errors import AlreadyEnded, Refused
from llmqueue.handlers import Inputs, handler_for
from llmqueue.live.publishing import announce
from llmqueue.models import LLMRequest, PromptPart, Status
from llmqueue.resolution.resolving import resolve
from llmqueue.work import claims, endings, lanes


def ai_is_on() -> bool:
    """Whether new calls may be made at all; off wins, wherever it is set."""
    return claims.ai_is_on()


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
    IntegrityError.
    """
    lane = lanes.lane_of(_likely_endpoint(inputs))
    member_id = inputs.member.pk if inputs.member else None
    request = LLMRequest.objects.create(
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
        idempotency_key=idempotency_key,
        retry_of=retry_of,
        correlation_id=_correlation_id(retry_of),
    )
    transaction.on_commit(tasks.nudge)
    return request


def cancel(*, request: LLMRequest, reason: str, error_class: str = "cancelled") -> None:
    """End a waiting or running request; its call is cut within two seconds.

    Raises AlreadyEnded when it has a final status.
    """
    still_open = LLMRequest.objects.unfinished().filter(pk=request.pk)
    if not still_open.finish(
        status=Status.CANCELLED, error_class=error_class, error_message=reason
    ):
        raise AlreadyEnded
    transaction.on_commit(lambda: announce([request.public_id]))


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


def _likely_endpoint(inputs: Inputs) -> Endpoint | None:
    """The endpoint that would answer now; the worker finds out again when it runs."""
    try:
        return resolve(inputs).choice.endpoint
    except Refused:
        return None
