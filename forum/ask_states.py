"""Where an ask stands, in words, and what a reader may do about it."""

from dataclasses import dataclass
from typing import Any

from django.utils.text import capfirst

from forum.models import Ask
from llmqueue import services as queue
from llmqueue.errors import MODEL_TROUBLE
from llmqueue.hours import OpeningHours
from llmqueue.models import (
    ANSWERS,
    LLMAttempt,
    LLMRequest,
    Outcome,
    Status,
    Stop,
    WorkerHeartbeat,
)
from llmqueue.pages.known_names import KnownNames
from personas.models import Persona

# Counting stops here: "more than 99 ahead" tells as much.
MOST_AHEAD = 99


@dataclass(frozen=True)
class AskState:
    """An ask as a page shows it to one reader.

    `is_muted`: they muted who answers, so that its words do not come in before their eyes.
    """

    ask: Ask
    status: str
    sentence: str
    reason: str
    is_open: bool
    is_model_trouble: bool
    is_own_key_trouble: bool
    can_cancel: bool
    can_retry: bool
    is_muted: bool


def state_of(ask: Ask, viewer: object) -> AskState:
    """Where one ask stands, with its exact place in line."""
    names = KnownNames([ask.request], viewer)
    muted = Persona.objects.muted_by(viewer).filter(pk=ask.request.answerer_id)
    is_muted = ask.request.is_open and muted.exists()
    hours = OpeningHours()
    return _state(ask, viewer, names, hours, is_muted, ahead=_place_in_line)


def state_in_list(
    ask: Ask,
    viewer: object,
    names: KnownNames,
    hours: OpeningHours,
    *,
    is_muted: bool,
) -> AskState:
    """The same without a query of its own, and so without its place in line.

    `names`, `hours`: of all the list's asks.
    """
    return _state(ask, viewer, names, hours, is_muted, ahead=_unknown_place)


def _state(
    ask: Ask,
    viewer: object,
    names: KnownNames,
    hours: OpeningHours,
    is_muted: bool,
    ahead: Any,
) -> AskState:
    request = ask.request
    attempt = request.last_attempt
    may_act = request.may_be_managed_by(viewer)
    has_failed = request.status == Status.ERROR
    return AskState(
        ask=ask,
        status=request.status,
        sentence=_sentence(request, attempt, names, hours, ahead),
        reason=request.error_message,
        is_open=request.is_open,
        is_model_trouble=has_failed and request.error_class in MODEL_TROUBLE,
        is_own_key_trouble=request.is_own_key_trouble_of(viewer),
        can_cancel=may_act and request.is_open,
        can_retry=may_act
        and request.has_no_answer
        and ask.why_not_asked_again() is None,
        is_muted=is_muted,
    )


def _sentence(
    request: LLMRequest,
    attempt: LLMAttempt | None,
    names: KnownNames,
    hours: OpeningHours,
    ahead: Any,
) -> str:
    name = names.name_of(request) or "a persona"
    if name != request.answerer_name:
        name = capfirst(name)  # it is no name
    match request.status:
        case Status.PENDING if attempt and attempt.outcome in ANSWERS:
            return f"{name} has answered; the reply waits to be posted."
        case Status.PENDING if attempt and attempt.outcome != Outcome.UNKNOWN:
            opening = hours.opening_of(request.lane.endpoint_id)
            when = f" when {opening}" if opening else ""
            return f"{name} will try again{when}. {attempt.get_outcome_display()}."
        case Status.PENDING if request.stop_id:
            return f"{name} is waiting: staff have stopped it for now."
        case Status.PENDING:
            return f"{name} is waiting{ahead(request, hours)}."
        case Status.PROCESSING:
            return f"{name} is writing."
        case Status.COMPLETE:
            return f"{name} has answered."
        case Status.CANCELLED:
            return f"{name} will not answer: the request was cancelled."
        case _:
            return f"{name} could not answer."


def _unknown_place(request: LLMRequest, hours: OpeningHours) -> str:
    opening = hours.opening_of(request.lane.endpoint_id)
    return f": {opening}" if opening else " to begin"


def _place_in_line(request: LLMRequest, hours: OpeningHours) -> str:
    if not queue.ai_is_on():
        return ": AI is switched off at the moment"
    lane = request.lane
    if lane.endpoint_id and Stop.objects.against(endpoint=lane.endpoint_id).exists():
        return ": calls to its model are stopped for now"
    if opening := hours.opening_of(lane.endpoint_id):
        return f": {opening}"
    if not WorkerHeartbeat.any_alive():
        return ": no worker is running at the moment"
    if request.is_held_by_pause:
        return f": {lane} is not answering right now"
    count = LLMRequest.objects.ahead_of(request)[: MOST_AHEAD + 1].count()
    if count > MOST_AHEAD:
        return f", more than {MOST_AHEAD} ahead"
    return f", {count} ahead" if count else ", next in line"
