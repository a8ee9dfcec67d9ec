"""Who answers a request: as frozen for it, or as it would be decided this moment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db.models import prefetch_related_objects
from django.utils.text import capfirst

from accounts.models import User
from llmqueue import handlers
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.models import LLMRequest, Status
from llmqueue.pages.askers_of_rows import joined_of
from llmqueue.pages.known_names import KnownNames
from llmqueue.pages.receipt_views import Ladder, as_ladders, key_words, who_answered
from llmqueue.resolution.bypassing import Way, way_of
from llmqueue.resolution.deciding import decide
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.receipts import Receipt, model_of

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
    `on_own_key`: the key is a member's.
    `pause`: what becomes of a request as the endpoint is paused, or outside of its opening
    hours; empty if it may begin.
    `blind_to`: how many pictures of the text to answer it is not shown. `eyes`: which model
    would answer a post with pictures; blank: none that sees, or it is not known.
    """

    label: str
    who: str
    model: str = ""
    why: str = ""
    key: str = ""
    ladders: tuple[Ladder, ...] = ()
    notes: tuple[str, ...] = ()
    rule: str = ""
    on_own_key: bool = False
    pause: str = ""
    blind_to: int = 0
    eyes: str = ""


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
        way = way_of(inputs, lookups)
    except Refused as refusal:
        return _nobody(refusal, inputs.persona.name if inputs.persona else "")
    answerer = _of_receipt(_WILL, way.receipt.as_json(), is_asker=True)
    config = way.receipt.choice.config
    eyes = config.vision_model if config else ""
    opening = lookups.opening_hours.opening_of(way.receipt.choice.endpoint.pk)
    held = [_pause_words(way), _opening_words(opening)]
    return replace(answerer, eyes=eyes, pause=" ".join(filter(None, held)))


def _pause_words(way: Way) -> str:
    if way.held is None:
        return ""
    what = f"{way.held} is not answering right now"
    if way.fallback is not None:
        return f"{what}: your question goes to {way.fallback}."
    minutes = settings.LLM_BREAKER_PATIENCE.total_seconds() / 60
    return f"{what}: your question waits for it, {minutes:.0f} minutes at the most."


def _opening_words(opening: str) -> str:
    return f"{capfirst(opening)}: your question waits until then." if opening else ""


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
        on_own_key=receipt["key"] == "member",
        blind_to=_blind_to(receipt),
    )


def _blind_to(receipt: dict[str, Any]) -> int:
    pictures = receipt.get("pictures", {"count": 0, "are_seen": True})
    return 0 if pictures["are_seen"] else int(pictures["count"])


def _nobody(refusal: Refused, asked_name: str) -> Answerer:
    return Answerer(
        label=f"Will {'not ' if asked_name else ''}answer as things stand:",
        who=asked_name or "nobody",
        why=refusal.message,
    )
