"""The receipt of a persona's reply, in words: what answered, and what chose it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from forum.models import Ask
from llmqueue.models import LLMAttempt, Outcome


@dataclass(frozen=True)
class Row:
    """One line of an opened receipt: what it was, and the rule that chose it."""

    label: str
    value: str
    rule: str = ""


@dataclass(frozen=True)
class Ladder:
    """The steps by which one part was chosen, each with why or why not."""

    label: str
    steps: list[dict[str, Any]]


@dataclass(frozen=True)
class ReceiptView:
    """A receipt as a page shows it."""

    line: str
    rows: list[Row]
    notes: list[str]
    ask_url: str
    steps: list[Ladder] = field(default_factory=list)


def receipt_of(ask: Ask) -> ReceiptView | None:
    """The receipt of the last attempt for `ask`, None before there is one."""
    attempt = last_attempts([ask]).get(ask.request_id)
    return receipt_view(ask, attempt) if attempt else None


def last_attempts(asks: Iterable[Ask]) -> dict[int, LLMAttempt]:
    """The last attempt of each ask's request, by the request's id."""
    attempts = LLMAttempt.objects.filter(request__in=[ask.request_id for ask in asks])
    newest = attempts.order_by("request_id", "-number").distinct("request_id")
    return {attempt.request_id: attempt for attempt in newest.defer("answer")}


def receipt_view(ask: Ask, attempt: LLMAttempt) -> ReceiptView:
    """The words of one attempt's receipt."""
    receipt = attempt.receipt
    persona, model = receipt["persona"], receipt["model"]
    who = f"{persona['name']} v{persona['version']}"
    what = model["config"] or model["model"]
    took = _seconds(attempt.total_seconds)
    won = {
        name: steps[-1]["rule"] if steps else ""
        for name, steps in receipt["steps"].items()
    }
    by = ask.request.requested_by
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
    return ReceiptView(
        line=" · ".join(part for part in (who, what, took) if part),
        rows=[row for row in rows if row.value],
        notes=_notes(attempt),
        ask_url=ask.get_absolute_url(),
        steps=[
            Ladder(label, receipt["steps"][name])
            for name, label in (
                ("persona", "Persona"),
                ("config", "Model"),
                ("prompt", "Instructions"),
                ("key", "Key"),
            )
        ],
    )


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
    begun = f", first words after {_seconds(first)}" if first is not None else ""
    return f"{_seconds(total)}{begun}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"
