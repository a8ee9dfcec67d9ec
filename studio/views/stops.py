"""Settings > Site > Stop switch: no new calls, in two seconds. Staff only."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, sent, staff_required
from llmqueue import stopping
from llmqueue.errors import AlreadyStopped
from llmqueue.models import Stop
from studio.forms.stops import StopForm
from studio.stops import named_stops


@staff_required
def stop_create(request: MemberRequest) -> HttpResponse:
    """What is stopped, and the form for one more; links elsewhere fill it in."""
    chosen = {
        name: request.GET[name] for name in StopForm.base_fields if name in request.GET
    }
    form = StopForm(sent(request), initial=chosen)
    if form.is_valid():
        data = form.cleaned_data
        try:
            stopping.stop_calls(
                scope=data["scope"],
                key=form.key,
                reason=data["reason"],
                cuts_running=data["running"] == "cut",
                actor=request.user,
            )
        except AlreadyStopped as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, "Stopped: no new call begins there.")
            return redirect("studio:stop_create")
    context = {"form": form, "stops": named_stops()}
    status = 422 if form.errors else 200
    return render(request, "studio/stop_create.html", context, status=status)


@require_POST
@staff_required
def stop_lift(request: MemberRequest, stop_id: int) -> HttpResponse:
    stop = get_object_or_404(Stop, pk=stop_id)
    stopping.lift_stop(stop=stop, actor=request.user)
    messages.success(request, "Lifted: what waited goes on.")
    return redirect("studio:stop_create")
