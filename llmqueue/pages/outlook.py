"""Who answers a request: as frozen for it, or as it would be decided this moment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import prefetch_related_objects

from accounts.models import User
from llmqueue import handlers
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.models import LLMRequest, Status
from llmqueue.pages.known_names import KnownNames
from llmqueue.pages.receipt_views import Ladder, as_ladders, who_answered
from llmqueue.resolution.deciding import decide
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.receipts import model_of
from llmqueue.resolution.resolving import resolve

_WILL = "Will answer as"
_OF_FROZEN = {
    # Its worker was lost between the answer and the post.
    Status.PENDING: "Has answered as",
    Status.PROCESSING: "Is answering as",
    Status.COMPLETE: "Answered as",
    Status.ERROR: "Could not answer as",
    Status.CANCELLED: "Will not answer as",
}


@dataclass(frozen=True)
class Answerer:
    """Who answers, with which model, and the rules that chose them, in words.

    `ladders`: every rung with why it was passed over; empty where nothing is decided.
    """

    label: str
    who: str
    model: str = ""
    why: str = ""
    ladders: tuple[Ladder, ...] = ()


def who_answers(
    requests: Iterable[LLMRequest], viewer: User | None
) -> dict[int, Answerer]:
    """Who answers each of these rows of `history.with_answers`, by its id.

    A persona that `viewer` may not know of is not named.

    What has begun tells by its receipt. What waits is decided now, by the worker's own
    function; all of it together in a handful of queries.
    """
    rows = list(requests)
    names = KnownNames(rows, viewer)
    found = {row.pk: _frozen(row, names) for row in rows if row.is_frozen}
    return found | _undecided([row for row in rows if not row.is_frozen], names)


def who_would_answer(inputs: Sequence[Inputs]) -> list[Answerer]:
    """Who would answer each of these if it were asked now; a handful of queries."""
    lookups = Lookups(inputs)

    def answerer(it: Inputs) -> Answerer:
        try:
            return _of_receipt(_WILL, resolve(it, lookups).as_json())
        except Refused as refusal:
            return _nobody(refusal, it.persona.name if it.persona else "")

    return [answerer(it) for it in inputs]


def _frozen(request: LLMRequest, names: KnownNames) -> Answerer:
    label = _OF_FROZEN[Status(request.status)]
    if request.last_attempt is None:
        return Answerer("Asked:", names.name_of(request) or "nobody in particular")
    return _of_receipt(label, names.receipt(request, request.last_attempt.receipt))


def _undecided(requests: list[LLMRequest], names: KnownNames) -> dict[int, Answerer]:
    inputs: dict[int, Inputs | Refused] = {}
    for handler in handlers.every():
        of_kind = [it for it in requests if it.kind == handler.kind]
        if of_kind:
            inputs |= handler.outlook(of_kind)
    lookups = Lookups(
        [it for it in inputs.values() if isinstance(it, Inputs)], has_settings=True
    )
    on_fallback = [it for it in requests if it.fallback_config_id is not None]
    prefetch_related_objects(on_fallback, "attempts", "fallback_config__endpoint")
    gone = Refused("gone")
    return {
        it.pk: _as_decided(it, inputs.get(it.pk, gone), lookups, names)
        for it in requests
    }


def _as_decided(
    request: LLMRequest, inputs: Inputs | Refused, lookups: Lookups, names: KnownNames
) -> Answerer:
    if isinstance(inputs, Refused):
        return _nobody(inputs, names.name_of(request))
    try:
        receipt = decide(request, inputs, lookups).as_json()
    except Refused as refusal:
        return _nobody(refusal, names.name_of(request))
    return _of_receipt(_WILL, names.receipt(request, receipt))


def _of_receipt(label: str, receipt: dict[str, Any]) -> Answerer:
    ladders = as_ladders(receipt["steps"])
    # The rules that chose the persona and the model, in short.
    persona, model, *_ = (ladder.steps[-1]["rule"] for ladder in ladders)
    return Answerer(
        label=label,
        who=who_answered(receipt),
        model=model_of(receipt),
        why=f"persona: {persona}; model: {model}",
        ladders=ladders,
    )


def _nobody(refusal: Refused, asked_name: str) -> Answerer:
    return Answerer(
        label=f"Will {'not ' if asked_name else ''}answer as things stand:",
        who=asked_name or "nobody",
        why=refusal.message,
    )
