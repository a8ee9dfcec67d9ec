"""What a page shows of an ask, and of the receipt of a reply."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from forum.models import Ask, Post
from llmqueue import services as queue
from llmqueue.models import LLMAttempt, LLMRequest, Outcome, Status, WorkerHeartbeat

# Counting stops here: "more than 99 ahead" tells as much.
MOST_AHEAD = 99
# Asks without a reply that are shown under one post; open ones first, then the newest.
MOST_SHOWN = 5


@dataclass(frozen=True)
class AskState:
    """Where an ask stands, in words."""

    status: str
    persona_name: str
    sentence: str
    reason: str
    is_open: bool
    can_cancel: bool
    can_retry: bool


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


def attach(posts: Iterable[Post], *, viewer: object) -> None:
    """Set `open_asks` and `receipt` on each of `posts`, in three queries.

    `open_asks`: asks of the post without a reply, oldest first, each with its `state`.
    `receipt`: the receipt of a persona's post, None for a member's.
    """
    by_pk = {post.pk: post for post in posts}
    for post in by_pk.values():
        post.open_asks, post.receipt = [], None
    replied = Ask.objects.filter(reply__in=by_pk)
    waiting = Ask.objects.filter(post__in=by_pk, reply=None).newest(MOST_SHOWN)
    asks = [*_with_requests(replied), *_with_requests(waiting).order_by("pk")]
    attempts = _last_attempts(asks)
    for ask in asks:
        attempt = attempts.get(ask.request_id)
        if ask.reply_id is None:
            ask.state = _state(ask, attempt, viewer, ahead=_unknown_place)
            by_pk[ask.post_id].open_asks.append(ask)
        elif attempt is not None and ask.reply_id in by_pk:
            by_pk[ask.reply_id].receipt = receipt_view(ask, attempt)


def state_of(ask: Ask, viewer: object) -> AskState:
    """Where one ask stands, with its exact place in line."""
    attempt = _last_attempts([ask]).get(ask.request_id)
    return _state(ask, attempt, viewer, ahead=_place_in_line)


def receipt_of(ask: Ask) -> ReceiptView | None:
    """The receipt of the last attempt for `ask`, None before there is one."""
    attempt = _last_attempts([ask]).get(ask.request_id)
    return receipt_view(ask, attempt) if attempt else None


def attempts_of(ask: Ask) -> list[LLMAttempt]:
    """Every call made for `ask`, in order."""
    return list(ask.request.attempts.order_by("number"))


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


def _with_requests(asks: "QuerySet[Ask]") -> "QuerySet[Ask]":
    return asks.select_related(
        "request__persona", "request__requested_by__handle", "request__lane__endpoint"
    )


def _last_attempts(asks: Iterable[Ask]) -> dict[int, LLMAttempt]:
    """The last attempt of each ask's request, by the request's id."""
    attempts = LLMAttempt.objects.filter(request__in=[ask.request_id for ask in asks])
    newest = attempts.order_by("request_id", "-number").distinct("request_id")
    return {attempt.request_id: attempt for attempt in newest.defer("answer")}


def _state(
    ask: Ask, attempt: LLMAttempt | None, viewer: object, ahead: Any
) -> AskState:
    request = ask.request
    name = _name(request, attempt)
    may_act = ask.may_be_managed_by(viewer)
    return AskState(
        status=request.status,
        persona_name=name,
        sentence=_sentence(request, attempt, name, ahead),
        reason=request.error_message,
        is_open=request.is_open,
        can_cancel=may_act and request.is_open,
        can_retry=may_act and request.status in (Status.ERROR, Status.CANCELLED),
    )


def _name(request: LLMRequest, attempt: LLMAttempt | None) -> str:
    """Who answers as far as is known: frozen, else asked for, else not yet chosen."""
    if attempt is not None:
        name: str = attempt.receipt["persona"]["name"]
        return name
    return (
        request.persona.name if request.persona else request.asked_name or "A persona"
    )


def _sentence(
    request: LLMRequest, attempt: LLMAttempt | None, name: str, ahead: Any
) -> str:
    match request.status:
        case Status.PENDING if attempt and attempt.outcome != Outcome.UNKNOWN:
            return f"{name} will try again. {attempt.get_outcome_display()}."
        case Status.PENDING:
            return f"{name} is waiting{ahead(request)}."
        case Status.PROCESSING:
            return f"{name} is writing."
        case Status.COMPLETE:
            return f"{name} has answered."
        case Status.CANCELLED:
            return f"{name} will not answer: the request was cancelled."
        case _:
            return f"{name} could not answer."


def _unknown_place(request: LLMRequest) -> str:
    return " to begin"


def _place_in_line(request: LLMRequest) -> str:
    if not queue.ai_is_on():
        return ": AI is switched off at the moment"
    if not WorkerHeartbeat.any_alive():
        return ": no worker is running at the moment"
    count = LLMRequest.objects.ahead_of(request)[: MOST_AHEAD + 1].count()
    if count > MOST_AHEAD:
        return f", more than {MOST_AHEAD} ahead"
    return f", {count} ahead" if count else ", next in line"


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
