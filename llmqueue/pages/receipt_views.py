"""What a page shows of a receipt: which persona, model and rules, and what it took."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llmconfig.providers import PROVIDERS
from llmconfig.sampling import PARAMETERS
from llmqueue.models import LLMAttempt, LLMRequest, Outcome
from llmqueue.resolution.receipts import model_of

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
    url: str


def receipt_view(
    request: LLMRequest,
    attempt: LLMAttempt,
    viewer: object,
    receipt: dict[str, Any] | None = None,
) -> ReceiptView:
    """The words of the receipt of one attempt for `request`, to `viewer`.

    `receipt`: what `KnownNames` leaves of it; None: all, for an answer that stands.
    """
    receipt = receipt or attempt.receipt
    who = who_answered(receipt)
    won = {
        name: steps[-1]["rule"] if steps else ""
        for name, steps in receipt["steps"].items()
    }
    by = request.requested_by
    rows = [
        Row("Persona", who, won["persona"]),
        Row("Model", _model_words(receipt["model"]), won["config"]),
        Row("Instructions", _instructions(receipt), won["prompt"]),
        Row("Key", _key(request, receipt, viewer) or "none needed", won["key"]),
        Row("Settings", _parameters(receipt["parameters"])),
        Row("Left out", _left_out(receipt)),
        Row("Tokens", _tokens(attempt)),
        Row("Cost", _cost(attempt, receipt)),
        Row("Time", _timing(attempt)),
        Row("Asked by", f"@{by.handle.name}" if by else "a former member"),
    ]
    return ReceiptView(
        line=_line(attempt, receipt),
        rows=[row for row in rows if row.value],
        notes=_notes(attempt, receipt),
        url=request.get_absolute_url(),
    )


@dataclass(frozen=True)
class AttemptView:
    """One call as the page of its request lists it; what is not known says so."""

    number: int
    started_at: datetime
    line: str
    key: str
    outcome: str
    detail: str
    is_simulated: bool
    tokens: str
    cost: str
    timing: str


def attempt_view(
    attempt: LLMAttempt, viewer: object, receipt: dict[str, Any]
) -> AttemptView:
    """The words of one attempt; `line`: who and with what; `receipt` as a receipt's."""
    return AttemptView(
        number=attempt.number,
        started_at=attempt.started_at,
        line=f"{who_answered(receipt)} · {model_of(receipt)}",
        key=_key(attempt.request, receipt, viewer) or "none",
        outcome=attempt.get_outcome_display(),
        detail=attempt.outcome_detail,
        is_simulated=attempt.is_simulated,
        tokens=_tokens(attempt),
        cost=_cost(attempt, receipt),
        timing=_timing(attempt) or ("none" if attempt.is_simulated else "unknown"),
    )


def who_answered(receipt: dict[str, Any]) -> str:
    """The persona and its version, as in "Maestro v1"; a draft has none yet.

    The version is None where the persona is not named.
    """
    persona = receipt["persona"]
    if persona["version"] is None:
        return str(persona["name"])
    label = f"v{persona['version']}" if persona["version"] else "(draft)"
    return f"{persona['name']} {label}"


def _line(attempt: LLMAttempt, receipt: dict[str, Any]) -> str:
    """Who answered, with what, and how long it took."""
    took = _seconds(attempt.total_seconds)
    parts = (who_answered(receipt), model_of(receipt), took)
    return " · ".join(part for part in parts if part)


def _model_words(model: dict[str, Any]) -> str:
    is_named = model["config"] not in ("", model["model"])
    named = f"{model['config']}: " if is_named else ""
    return f"{named}{model['model']} at {model['endpoint']}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


def _notes(attempt: LLMAttempt, receipt: dict[str, Any]) -> list[str]:
    """What readers are told under the reply."""
    notes = list(receipt["notes"])
    if attempt.is_simulated:
        notes.append("Staff let this call fail, to see what then happens.")
    if attempt.outcome == Outcome.CUT_OFF:
        notes.append("Cut off at the model's length limit.")
    return notes


def _instructions(receipt: dict[str, Any]) -> str:
    steps = receipt["steps"]["prompt"]
    return steps[-1]["why"] if steps else ""


def _key(request: LLMRequest, receipt: dict[str, Any], viewer: object) -> str:
    return key_words(receipt, is_asker=request.is_asked_by(viewer))


def key_words(receipt: dict[str, Any], *, is_asker: bool) -> str:
    """Whose key a receipt tells of, never which; blank: none was needed.

    `is_asker`: it is told to whoever asked.
    """
    words = {
        "member": "your key" if is_asker else "the member's own key",
        "site": "the site's key",
    }
    return words.get(receipt["key"], "")


_LABELS = {it.name: it.label.lower() for it in PARAMETERS}


def _parameters(parameters: dict[str, Any]) -> str:
    return ", ".join(
        f"at most {value} tokens"
        if name == "max_tokens"
        else f"{_LABELS.get(name, name)} {value}"
        for name, value in parameters.items()
    )


def _left_out(receipt: dict[str, Any]) -> str:
    """What the config sets and the model does not take; blank: nothing, or not known."""
    left = _parameters(receipt.get("left_out", {}))
    model = receipt["model"]
    return f"{left}: {model['model']} at {model['endpoint']} takes none" if left else ""


def _tokens(attempt: LLMAttempt) -> str:
    if attempt.is_simulated:
        return "none"
    if attempt.tokens_in is None and attempt.tokens_out is None:
        return "unknown"
    return f"{_or_unknown(attempt.tokens_in)} in, {_or_unknown(attempt.tokens_out)} out"


def _or_unknown(value: int | None) -> str:
    return "unknown" if value is None else str(value)


def _cost(attempt: LLMAttempt, receipt: dict[str, Any]) -> str:
    if attempt.is_simulated:
        return "free"
    cost = attempt.cost_usd
    # The demo model runs on the site's own machine, also where a call has no end yet.
    is_demo = receipt["model"]["provider"] == PROVIDERS["demo"].label
    if cost is None and not is_demo:
        return "unknown"
    return f"${cost.normalize():f}" if cost else "free"


def _timing(attempt: LLMAttempt) -> str:
    first, total = attempt.first_text_seconds, attempt.total_seconds
    if total is None:
        return ""
    begun = f", first words after {_seconds(first)}" if first is not None else ""
    return f"{_seconds(total)}{begun}"
