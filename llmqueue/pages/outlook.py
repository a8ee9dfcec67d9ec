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
from llmqueue.pages.askers_of_rows import joined_of
from llmqueue.pages.known_names import KnownNames
from llmqueue.pages.receipt_views import Ladder, as_ladders, key_words, who_answered
from llmqueue.resolution.deciding import decide
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.receipts import Receipt, model_of
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
    """Who answers, with which model and whose key, and the rules that chose, in words.

    `ladders`: every rung with why it was passed over; empty where nothing is decided.
    `notes`: what readers will be told under the reply. `rule`: what chose the model.
    """

    label: str
    who: str
    model: str = ""
    why: str = ""
    key: str = ""
    ladders: tuple[Ladder, ...] = ()
    notes: tuple[str, ...] = ()
    rule: str = ""


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
    return [as_resolved(it, lookups) for it in inputs]


def as_resolved(inputs: Inputs, lookups: Lookups) -> Answerer:
    """Who would answer `inputs`, one of those that `lookups` are for."""
    try:
        receipt = resolve(inputs, lookups).as_json()
        return _of_receipt(_WILL, receipt, is_asker=True)
    except Refused as refusal:
        return _nobody(refusal, inputs.persona.name if inputs.persona else "")


def _frozen(request: LLMRequest, names: KnownNames) -> Answerer:
    label = _OF_FROZEN[Status(request.status)]
    if request.last_attempt is None:
        return Answerer("Asked:", names.name_of(request) or "nobody in particular")
    receipt = names.receipt(request, request.last_attempt.receipt)
    return _of_receipt(label, receipt, is_asker=request.is_asked_by(names.viewer))


def decide_waiting(requests: Iterable[LLMRequest]) -> dict[int, Receipt | Refused]:
    """Who would answer each of these rows of `history.with_answers`, or why nobody.

    By the worker's own function; all of it together in a handful of queries.
    """
    rows = list(requests)
    inputs: dict[int, Inputs | Refused] = {}
    for handler in handlers.every():
        of_kind = [it for it in rows if it.kind == handler.kind]
        if of_kind:
            inputs |= handler.outlook(of_kind)
    lookups = Lookups(
        [it for it in inputs.values() if isinstance(it, Inputs)], joined=joined_of(rows)
    )
    on_fallback = [it for it in rows if it.fallback_config_id is not None]
    prefetch_related_objects(on_fallback, "attempts", "fallback_config__endpoint")
    gone = Refused("gone")
    return {it.pk: _decide(it, inputs.get(it.pk, gone), lookups) for it in rows}


def _decide(
    request: LLMRequest, inputs: Inputs | Refused, lookups: Lookups
) -> Receipt | Refused:
    if isinstance(inputs, Refused):
        return inputs
    try:
        return decide(request, inputs, lookups)
    except Refused as refusal:
        return refusal


def _undecided(requests: list[LLMRequest], names: KnownNames) -> dict[int, Answerer]:
    decided = decide_waiting(requests)
    return {it.pk: _as_decided(it, decided[it.pk], names) for it in requests}


def _as_decided(
    request: LLMRequest, decided: Receipt | Refused, names: KnownNames
) -> Answerer:
    if isinstance(decided, Refused):
        return _nobody(decided, names.name_of(request))
    known = names.receipt(request, decided.as_json())
    return _of_receipt(_WILL, known, is_asker=request.is_asked_by(names.viewer))


def _of_receipt(label: str, receipt: dict[str, Any], *, is_asker: bool) -> Answerer:
    ladders = as_ladders(receipt["steps"])
    # The rules that chose the persona and the model, in short.
    persona, model, *_ = (ladder.steps[-1]["rule"] for ladder in ladders)
    return Answerer(
        label=label,
        who=who_answered(receipt),
        model=model_of(receipt),
        why=f"persona: {persona}; model: {model}",
        key=key_words(receipt, is_asker=is_asker),
        ladders=ladders,
        notes=tuple(receipt["notes"]),
        rule=model,
    )


def _nobody(refusal: Refused, asked_name: str) -> Answerer:
    return Answerer(
        label=f"Will {'not ' if asked_name else ''}answer as things stand:",
        who=asked_name or "nobody",
        why=refusal.message,
    )
