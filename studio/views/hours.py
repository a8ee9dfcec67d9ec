"""Settings > Hours: when calls to models may begin. Staff only."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, sent, staff_required
from llmqueue import scheduling
from llmqueue.hours import OpeningHours, window_words
from llmqueue.models import ScheduleWindow
from studio.forms.hours import WindowForm


@staff_required
def window_list(request: MemberRequest) -> HttpResponse:
    windows = ScheduleWindow.objects.in_order()
    context = {
        "rows": [(window_words(it), it) for it in windows],
        "standing": OpeningHours().every(),
        "zone": settings.TIME_ZONE,
    }
    return render(request, "studio/window_list.html", context)


@staff_required
def window_create(request: MemberRequest) -> HttpResponse:
    form = WindowForm(sent(request))
    if form.is_valid():
        window = scheduling.create_window(actor=request.user, **form.cleaned_data)
        messages.success(request, f"Added. {window_words(window)}")
        return redirect("studio:window_list")
    context = {"form": form, "zone": settings.TIME_ZONE}
    status = 422 if form.errors else 200
    return render(request, "studio/window_create.html", context, status=status)


@staff_required
def window_edit(request: MemberRequest, window_id: int) -> HttpResponse:
    window = _find(window_id)
    form = WindowForm(sent(request), window=window)
    if form.is_valid():
        window = scheduling.change_window(
            window=window, actor=request.user, **form.cleaned_data
        )
        messages.success(request, f"Changed. {window_words(window)}")
        return redirect("studio:window_list")
    context = {
        "form": form,
        "window": window,
        "words": window_words(window),
        "zone": settings.TIME_ZONE,
    }
    status = 422 if form.errors else 200
    return render(request, "studio/window_edit.html", context, status=status)


@require_POST
@staff_required
def window_toggle(request: MemberRequest, window_id: int) -> HttpResponse:
    """Switch to what the button said, so that a second press changes nothing."""
    is_enabled = request.POST.get("enable") == "yes"
    scheduling.switch_window(
        window=_find(window_id), is_enabled=is_enabled, actor=request.user
    )
    messages.success(request, f"These hours are {'on' if is_enabled else 'off'}.")
    return redirect("studio:window_list")


@staff_required
def window_delete(request: MemberRequest, window_id: int) -> HttpResponse:
    window = ScheduleWindow.objects.in_order().filter(pk=window_id).first()
    if request.method == "POST":
        if window is not None:  # else the button was pressed twice
            scheduling.delete_window(window=window, actor=request.user)
            messages.success(request, "The hours are deleted.")
        return redirect("studio:window_list")
    if window is None:
        raise Http404
    context = {"window": window, "words": window_words(window)}
    return render(request, "studio/window_delete.html", context)


def _find(window_id: int) -> ScheduleWindow:
    return get_object_or_404(ScheduleWindow.objects.in_order(), pk=window_id)
