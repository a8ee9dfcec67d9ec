"""Where the runs of a trial stand, in words, and what a reader may do about them."""

from dataclasses import dataclass

from django.utils.safestring import SafeString

from core import markup
from llmqueue.hours import OpeningHours
from llmqueue.models import LLMAttempt, LLMRequest, Outcome, Status
from llmqueue.pages.receipt_views import Row, receipt_view
from llmqueue.resolution.receipts import model_of
from studio.models import TrialRun

_SHOWN = ("Model", "Settings", "Tokens", "Cost", "Time")


@dataclass(frozen=True)
class RunState:
    """A run as a page shows it to one reader; `html` is empty until it is answered."""

    run: TrialRun
    name: str
    sentence: str
    reason: str
    html: SafeString
    rows: list[Row]
    notes: list[str]
    is_open: bool
    is_own_key_trouble: bool
    can_act: bool
    can_retry: bool


def state_of(run: TrialRun, viewer: object, hours: OpeningHours) -> RunState:
    """Where a run of `TrialRunQuerySet.with_request` stands."""
    request = run.request
    attempt = request.last_attempt
    receipt = receipt_view(request, attempt, viewer) if attempt else None
    may_act = request.may_be_managed_by(viewer)
    asked = request.config.name if request.config else "A model that was removed"
    return RunState(
        run=run,
        name=model_of(attempt.receipt) if attempt else asked,
        sentence=_sentence(request, hours),
        reason=request.error_message,
        # By the cleaner of today, so that an old answer is as safe as a new one.
        html=markup.stored(markup.render(run.answer)),
        rows=[row for row in receipt.rows if row.label in _SHOWN] if receipt else [],
        notes=_notes(attempt, receipt.notes) if attempt and receipt else [],
        is_open=request.is_open,
        is_own_key_trouble=request.is_own_key_trouble_of(viewer),
        can_act=may_act,
        can_retry=may_act and request.has_no_answer and run.trial.why_gone() is None,
    )


def _sentence(request: LLMRequest, hours: OpeningHours) -> str:
    opening = ""
    if request.status == Status.PENDING:
        opening = hours.opening_of(request.lane.endpoint_id)
    status = str(request.get_status_display())
    return f"{status}: {opening}" if opening else status


def _notes(attempt: LLMAttempt, notes: list[str]) -> list[str]:
    """With what a fallback would have been asked for, had this been no try."""
    if attempt.outcome == Outcome.DECLINED:
        return [*notes, "This looks like a refusal."]
    return notes
