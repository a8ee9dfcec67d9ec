"""Settings > Endpoints > Failures: a pause ended by hand, a failure let happen. Staff only."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, sent, staff_required
from llmconfig.models import Endpoint
from llmqueue import failing
from llmqueue.models import Lane, SimulatedFailure
from studio.forms.failures import SimulationForm


@staff_required
def failure_simulate(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """How it stands with an endpoint's failures, and the form to let some happen."""
    endpoint = get_object_or_404(Endpoint, pk=endpoint_id)
    form = SimulationForm(sent(request))
    if form.is_valid():
        data = form.cleaned_data
        failing.simulate_failure(
            endpoint=endpoint,
            outcome=data["outcome"],
            calls=data["calls"],
            lasts=timedelta(minutes=data["minutes"]),
            actor=request.user,
        )
        messages.success(request, f"Calls to {endpoint} fail now, as you said.")
        return redirect("studio:failure_simulate", endpoint.pk)
    simulated = SimulatedFailure.objects.active().select_related("made_by__handle")
    context = {
        "endpoint": endpoint,
        "lane": Lane.objects.filter(endpoint=endpoint).first(),
        "simulated": simulated.filter(endpoint=endpoint).first(),
        "form": form,
    }
    status = 422 if form.errors else 200
    return render(request, "studio/failure_simulate.html", context, status=status)


@require_POST
@staff_required
def failure_stop(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    endpoint = get_object_or_404(Endpoint, pk=endpoint_id)
    failing.stop_simulating(endpoint=endpoint, actor=request.user)
    messages.success(request, f"No failure of {endpoint} is simulated.")
    return redirect("studio:failure_simulate", endpoint.pk)


@require_POST
@staff_required
def endpoint_resume(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    endpoint = get_object_or_404(Endpoint, pk=endpoint_id)
    failing.resume_endpoint(endpoint=endpoint, actor=request.user)
    messages.success(request, f"{endpoint} is called again.")
    return redirect("studio:failure_simulate", endpoint.pk)
