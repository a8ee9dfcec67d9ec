"""Who answers a request: as frozen for it, or as it would be decided this moment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from llmqueue import handlers
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.lookups import Lookups
from llmqueue.models import LLMRequest, Status
from llmqueue.receipt_views import Ladder, as_ladders, who_answered
from llmqueue.resolution import resolve

_LABELS = {
    Status.PENDING: "Will answer as",
    Status.PROCESSING: "Is answering as",
    Status.COMPLETE: "Answered as",
    Status.ERROR: "Could not answer as",
    Status.CANCELLED: "Will not answer as",
}


@dataclass(frozen=True)
class Answerer:
    """Who answers, with which model, and the rules that chose them, in words.

    `ladders`: every rung with why it was passed over; empty where nothing is decided.
    `is_live`: it is not frozen yet and may change until a worker begins.
    """

    label: str
    who: str
    model: str = ""
    why: str = ""
    ladders: tuple[Ladder, ...] = ()
    is_live: bool = False


def answerers(requests: Iterable[LLMRequest]) -> dict[int, Answerer]:
    """Who answers each of these rows of `history.with_answers`, by its id.

    What has begun tells by its receipt. What waits is resolved now, by the worker's own
    function; all of it together in a handful of queries.
    """
    rows = list(requests)
    waiting = [row for row in rows if row.status == Status.PENDING]
    found = {row.pk: _frozen(row) for row in rows if row.status != Status.PENDING}
    return found | _resolved(waiting)


def _frozen(request: LLMRequest) -> Answerer:
    label = _LABELS[Status(request.status)]
    if request.last_attempt is None:
        return Answerer(label, request.asked_name or "whoever would have fitted")
    receipt = request.last_attempt.receipt
    ladders = as_ladders(receipt["steps"])
    return Answerer(
        label=label,
        who=who_answered(receipt),
        model=receipt["model"]["config"] or receipt["model"]["model"],
        why=_why(ladders),
        ladders=ladders,
    )


def _resolved(requests: list[LLMRequest]) -> dict[int, Answerer]:
    inputs: dict[int, Inputs | Refused] = {}
    for handler in handlers.every():
        of_kind = [it for it in requests if it.kind == handler.kind]
        if of_kind:
            inputs |= handler.outlook(of_kind)
    lookups = Lookups(
        [it for it in inputs.values() if isinstance(it, Inputs)], has_settings=True
    )
    return {it.pk: _live(it, inputs.get(it.pk), lookups) for it in requests}


def _live(
    request: LLMRequest, inputs: Inputs | Refused | None, lookups: Lookups
) -> Answerer:
    if inputs is None:
        inputs = Refused("gone")
    if isinstance(inputs, Refused):
        return _nobody(inputs, request.asked_name)
    return _resolve(inputs, lookups, request.asked_name)


def outlooks(inputs: Sequence[Inputs]) -> list[Answerer]:
    """Who would answer each of these this moment, in a handful of queries for all."""
    lookups = Lookups(inputs)
    return [
        _resolve(it, lookups, it.persona.name if it.persona else "") for it in inputs
    ]


def _resolve(inputs: Inputs, lookups: Lookups, asked_name: str) -> Answerer:
    try:
        receipt = resolve(inputs, lookups).as_json()
    except Refused as refusal:
        return _nobody(refusal, asked_name)
    ladders = as_ladders(receipt["steps"])
    return Answerer(
        label=_LABELS[Status.PENDING],
        who=who_answered(receipt),
        model=receipt["model"]["config"] or receipt["model"]["model"],
        why=_why(ladders),
        ladders=ladders,
        is_live=True,
    )


def _nobody(refusal: Refused, asked_name: str) -> Answerer:
    return Answerer(
        label="Will not answer as things stand:",
        who=asked_name or "nobody",
        why=refusal.message,
        is_live=True,
    )


def _why(ladders: tuple[Ladder, ...]) -> str:
    """The rules that chose the persona and the model, in short."""
    persona, model, *_ = (ladder.steps[-1]["rule"] for ladder in ladders)
    return f"{persona}; {model}"
