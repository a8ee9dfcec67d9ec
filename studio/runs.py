"""Where the runs of a trial stand, in words, and what a reader may do about them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.access import member_of
from core import markup
from llmqueue import streams
from llmqueue.models import Status
from llmqueue.receipt_views import Row, receipt_view
from llmqueue.receipts import model_of
from studio.models import Trial, TrialRun

_SENTENCES = {
    Status.PENDING: "Waiting",
    Status.PROCESSING: "Writing",
    Status.COMPLETE: "Done",
    Status.ERROR: "Failed",
    Status.CANCELLED: "Cancelled",
}
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
    can_act: bool
    can_retry: bool


def state_of(run: TrialRun, viewer: object) -> RunState:
    """Where a run of `TrialRunQuerySet.with_request` stands."""
    request = run.request
    attempt = request.last_attempt
    receipt = receipt_view(request, attempt) if attempt else None
    may_act = request.may_be_managed_by(viewer)
    asked = request.config.name if request.config else "A model that was removed"
    return RunState(
        run=run,
        name=model_of(attempt.receipt) if attempt else asked,
        sentence=_SENTENCES[Status(request.status)],
        reason=request.error_message,
        # By the cleaner of today, so that an old answer is as safe as a new one.
        html=markup.stored(markup.render(run.answer)),
        rows=[row for row in receipt.rows if row.label in _SHOWN] if receipt else [],
        notes=receipt.notes if receipt else [],
        is_open=request.is_open,
        can_act=may_act,
        can_retry=may_act and not request.is_open and request.status != Status.COMPLETE,
    )


def scope_of(trial_id: UUID) -> str:
    """What a token for the trial's stream is bound to."""
    return f"trial {trial_id}"


def stream_url(request: HttpRequest, trial: Trial) -> str:
    """The address of the trial's stream for this reader."""
    token = streams.token_for(request, scope_of(trial.public_id))
    return f"{reverse('studio:trial_stream', args=[trial.public_id])}?token={token}"


def open_leases(trial_id: UUID) -> streams.FindLeases:
    """What finds the open requests of the trial, for a reader who may see it."""

    def find(reader: Any) -> streams.Leases | None:
        seen = Trial.objects.visible_to(member_of(reader)).filter(public_id=trial_id)
        if not seen.exists():
            return None
        runs = TrialRun.objects.open().filter(trial__in=seen)
        return dict(runs.values_list("request__public_id", "request__lease_token"))

    return find
