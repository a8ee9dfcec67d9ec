"""What a page shows of a receipt: which persona, model and rules, and what it took."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llmqueue.models import LLMAttempt, LLMRequest, Outcome

LADDERS = (
    ("persona", "Persona"),
    ("config", "Model"),
    ("prompt", "Instructions"),
    ("key", "Key"),
)


@dataclass(frozen=True)
class Row:
    """One line of an opened receipt: what it was, and the rule that chose it."""

    label: str
    value: str
    rule: str = ""


@dataclass(frozen=True)
class Ladder:
    """The steps by which one part was chosen: each {"rule", "won", "why"}."""

    label: str
    steps: list[dict[str, Any]]


def as_ladders(steps: dict[str, list[dict[str, Any]]]) -> tuple[Ladder, ...]:
    """The ladders of a receipt in the order they are climbed."""
    return tuple(Ladder(label, steps[name]) for name, label in LADDERS)


@dataclass(frozen=True)
class ReceiptView:
    """A receipt as a page shows it; `line` is its short form."""

    line: str
    rows: list[Row]
    notes: list[str]
    ladders: tuple[Ladder, ...]
    url: str


def receipt_view(request: LLMRequest, attempt: LLMAttempt) -> ReceiptView:
    """The words of the receipt of one attempt for `request`."""
    receipt = attempt.receipt
    model = receipt["model"]
    who, what = who_answered(receipt), model["config"] or model["model"]
    won = {
        name: steps[-1]["rule"] if steps else ""
        for name, steps in receipt["steps"].items()
    }
    by = request.requested_by
    rows = [
        Row("Persona", who, won["persona"]),
        Row("Model", f"{what}: {model['model']} at {model['endpoint']}", won["config"]),
        Row("Instructions", who, won["prompt"]),
        Row("Key", _key_words(receipt["key"])),
        Row("Settings", _parameters(receipt["parameters"])),
        Row("Tokens", _tokens(attempt)),
        Row("Cost", _cost(attempt)),
        Row("Time", _timing(attempt)),
        Row("Asked by", f"@{by.handle.name}" if by else "a former member"),
    ]
    took = seconds(attempt.total_seconds)
    return ReceiptView(
        line=" · ".join(part for part in (who, what, took) if part),
        rows=[row for row in rows if row.value],
        notes=_notes(attempt),
        ladders=as_ladders(receipt["steps"]),
        url=request.get_absolute_url(),
    )


@dataclass(frozen=True)
class AttemptView:
    """One call as the page of its request lists it; what is not known says so."""

    number: int
    started_at: datetime
    receipt: ReceiptView
    outcome: str
    detail: str
    tokens: str
    cost: str
    timing: str


def attempt_view(request: LLMRequest, attempt: LLMAttempt) -> AttemptView:
    """The words of one attempt for `request`."""
    return AttemptView(
        number=attempt.number,
        started_at=attempt.started_at,
        receipt=receipt_view(request, attempt),
        outcome=attempt.get_outcome_display(),
        detail=attempt.outcome_detail,
        tokens=_tokens(attempt),
        cost=_cost(attempt),
        timing=_timing(attempt) or "unknown",
    )


def who_answered(receipt: dict[str, Any]) -> str:
    """The persona and its version, as in "Maestro v1"."""
    return f"{receipt['persona']['name']} v{receipt['persona']['version']}"


def seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


def _notes(attempt: LLMAttempt) -> list[str]:
    """What readers are told under the reply."""
    notes = list(attempt.receipt["notes"])
    if attempt.outcome == Outcome.CUT_OFF:
        notes.append("Cut off at the model's length limit.")
    return notes


def _key_words(key: str) -> str:
    return {"site": "the site's", "member": "the member's own"}.get(key, "none needed")


def _parameters(parameters: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in parameters.items())


def _tokens(attempt: LLMAttempt) -> str:
    if attempt.tokens_in is None and attempt.tokens_out is None:
        return "unknown"
    return f"{_or_unknown(attempt.tokens_in)} in, {_or_unknown(attempt.tokens_out)} out"


def _or_unknown(value: int | None) -> str:
    return "unknown" if value is None else str(value)


def _cost(attempt: LLMAttempt) -> str:
    cost = attempt.cost_usd
    return "unknown" if cost is None else f"${cost.normalize():f}"


def _timing(attempt: LLMAttempt) -> str:
    first, total = attempt.first_text_seconds, attempt.total_seconds
    if total is None:
        return ""
    begun = f", first words after {seconds(first)}" if first is not None else ""
    return f"{seconds(total)}{begun}"
