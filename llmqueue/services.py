"""What other apps may ask of the queue."""

import uuid

from django.db import transaction

from llmconfig.models import Endpoint
from llmqueue import claims, lanes, live, tasks
from llmqueue.errors import AlreadyEnded, Refused
from llmqueue.handlers import Inputs
from llmqueue.models import LLMRequest, PromptPart, Status
from llmqueue.resolution import resolve


def ai_is_on() -> bool:
    """Whether new calls may be made at all; off wins, wherever it is set."""
    return claims.ai_is_on()


def listener() -> live.Listener:
    """What follows the live text of requests, one for each event loop."""
    return live.listener()


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
        asked_name=inputs.persona.name if inputs.persona else "",
        config=inputs.config,
        endpoint=inputs.endpoint,
        mode=inputs.mode,
        place_kind=place[0],
        place_key=place[1],
        lane=lane,
        turn=lanes.next_turn(lane, member_id),
        idempotency_key=idempotency_key,
        retry_of=retry_of,
        correlation_id=retry_of.correlation_id if retry_of else uuid.uuid4().hex,
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
    transaction.on_commit(lambda: live.announce([request.public_id]))


def erase(*, source: tuple[str, str], answered_by: LLMRequest | None = None) -> None:
    """Blank what the queue keeps of a text that is gone: prompts made from `source`.

    `source` is (kind, key) as in the prompt's parts; `answered_by` is the request whose
    answer the text was. What was counted and paid stays.
    """
    kind, key = source
    PromptPart.objects.filter(source_kind=kind, source_key=key).update(text="")
    if answered_by is not None:
        answered_by.attempts.update(answer="")


def _likely_endpoint(inputs: Inputs) -> Endpoint | None:
    """The endpoint that would answer now; the worker finds out again when it runs."""
    try:
        return resolve(inputs).choice.endpoint
    except Refused:
        return None
