"""The stream of one trial: who may read it, and what is in it."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse

from accounts.access import member_of
from llmqueue.live import streams
from studio.models import Trial, TrialRun


def scope_of(trial_id: UUID) -> str:
    """What a token for the trial's stream is bound to."""
    return f"trial {trial_id}"


def stream_url(request: HttpRequest, trial: Trial) -> str:
    """The address of the trial's stream for this reader."""
    address = reverse("studio:trial_stream", args=[trial.public_id])
    return streams.url_for(request, scope_of(trial.public_id), address)


def open_leases(trial_id: UUID) -> streams.FindLeases:
    """What finds the open requests of the trial, for a reader who may see it."""

    def find(reader: Any) -> streams.Leases | None:
        seen = Trial.objects.visible_to(member_of(reader)).filter(public_id=trial_id)
        if not seen.exists():
            return None
        runs = TrialRun.objects.open().filter(trial__in=seen)
        return dict(runs.values_list("request__public_id", "request__lease_token"))

    return find
