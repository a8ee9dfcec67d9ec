"""A try of a persona: what each model answered, while it is written and afterwards."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET

from accounts.access import MemberRequest, member_required
from core import rates
from core.errors import ForllmError
from core.pieces import is_piece, vary_on_piece
from llmqueue import services as queue
from llmqueue.hours import OpeningHours
from llmqueue.live import streams
from studio.bench import live, runs
from studio.models import Trial, TrialRun


@member_required
def trial_detail(
    request: MemberRequest, persona_slug: str, trial_id: uuid.UUID
) -> HttpResponse:
    """What each model answered, side by side; htmx gets one of them.

    A POST cancels or asks again, by the buttons beside each.
    """
    visible = Trial.objects.visible_to(request.user).with_tested()
    trial = get_object_or_404(visible, public_id=trial_id, persona__slug=persona_slug)
    if request.method == "POST":
        _act(request, trial)
        return redirect(trial)
    context: dict[str, Any] = {
        "persona": trial.persona,
        "trial": trial,
        "stream_url": live.stream_url(request, trial),
    }
    hours = OpeningHours()
    if is_piece(request):
        run = _find(trial, request.GET.get("run", ""))
        context["state"] = runs.state_of(run, request.user, hours)
        answer = render(request, "studio/trial_detail.html#run", context)
        return vary_on_piece(answer)
    latest = trial.runs.in_order().with_request()
    context["states"] = [runs.state_of(run, request.user, hours) for run in latest]
    context["is_on"] = queue.ai_is_on()
    return vary_on_piece(render(request, "studio/trial_detail.html", context))


def _act(request: MemberRequest, trial: Trial) -> None:
    """Do what a button beside a run says, or say what forbids it."""
    wanted, acts = request.POST, {"cancel": queue.cancel_by, "retry": queue.retry}
    for name, act in acts.items():
        if name not in wanted:
            continue
        if name == "retry":
            rates.take(request, asks=request.user.pk)
        try:
            act(request=_find(trial, wanted[name]).request, member=request.user)
        except ForllmError as error:
            messages.error(request, error.message)


def _find(trial: Trial, key: str) -> TrialRun:
    """The trial's run whose request is called `key`. Raises Http404."""
    try:
        wanted = uuid.UUID(key)
    except ValueError:
        raise Http404 from None
    return get_object_or_404(trial.runs.with_request(), request__public_id=wanted)


@require_GET
async def trial_stream(request: HttpRequest, trial_id: uuid.UUID) -> HttpResponseBase:
    """Server-sent events of the trial's runs (see `llmqueue.live.streams`)."""
    scope = live.scope_of(trial_id)
    return streams.answer(request, scope, live.open_leases(trial_id))
