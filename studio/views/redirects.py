"""Settings > Endpoints: *answer with that instead of this*. Staff only."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, sent, staff_required
from core.errors import ForllmError
from core.paging import first_of, key_before
from llmconfig.models import Redirect
from llmconfig.services.redirects import check_redirect
from studio.forms.redirects import RedirectForm
from studio.redirect_effects import effects_of
from studio.services import redirects

PAGE_SIZE = 40


@staff_required
def redirect_list(request: MemberRequest) -> HttpResponse:
    """All that were ever made, the newest first; those that hold can be undone."""
    before = key_before(request)
    rows = Redirect.objects.with_targets().select_related("undone_by__handle")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found, last = first_of(rows, PAGE_SIZE)
    context = {
        "redirects": found,
        "older": last.pk if last else None,
        "is_later": before is not None,
    }
    return render(request, "studio/redirect_list.html", context)


@staff_required
def redirect_create(request: MemberRequest) -> HttpResponse:
    """The form, then what would change, then the redirect."""
    form = RedirectForm(sent(request), initial=request.GET.dict())
    if form.is_valid():
        wanted = form.wanted
        try:
            if not form.cleaned_data["is_confirmed"]:
                return _asked_first(request, form)
            made = redirects.make_redirect(actor=request.user, **wanted)
        except ForllmError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, f"{made.to} answers instead of {made.source}.")
            return redirect("llmconfig:endpoint_list")
    context = {"form": form}
    status = 422 if form.errors else 200
    return render(request, "studio/redirect_create.html", context, status=status)


def _asked_first(request: MemberRequest, form: RedirectForm) -> HttpResponse:
    wanted = form.wanted
    endpoint, model, to = wanted["endpoint"], wanted["model"], wanted["to"]
    check_redirect(endpoint=endpoint, model=model, to=to)
    context = {
        "wanted": Redirect(endpoint=endpoint, model=model, to=to),
        "reason": wanted["reason"],
        "effects": effects_of(endpoint, model, to=to),
    }
    return render(request, "studio/redirect_confirm.html", context)


@require_POST
@staff_required
def redirect_undo(request: MemberRequest, redirect_id: int) -> HttpResponse:
    """One press; a second one finds it undone."""
    rows = Redirect.objects.with_targets()
    found = get_object_or_404(rows, pk=redirect_id)
    redirects.undo_redirect(redirect=found, actor=request.user)
    messages.success(request, f"The redirect of {found.source} is undone.")
    return redirect("llmconfig:endpoint_list")
