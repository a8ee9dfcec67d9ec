"""Settings > Personas: one's own, the site's defaults, and the table for staff."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, member_required, staff_required
from core.errors import ForllmError
from core.paging import first_of, page_of, words_of
from personas.errors import NotPublic
from personas.forms.sharing import DefaultForm, SiteVisibilityForm
from personas.models import Persona, Visibility
from personas.services import defaults, sharing

PAGE_SIZE = 40
# What is offered as the default; who looks for another one searches.
MOST_OFFERED = 8


@member_required
def persona_settings(request: MemberRequest) -> HttpResponse:
    """One's own personas; for staff also who answers when nobody in particular is asked."""
    own = Persona.objects.owned_by(request.user).select_related(
        "handle", "current_version"
    )
    context: dict[str, Any] = {
        "page": page_of(own, request.GET, by="name", size=PAGE_SIZE)
    }
    if request.user.is_staff:
        context |= _defaults(request)
    return render(request, "personas/persona_settings.html", context)


def _defaults(request: HttpRequest) -> dict[str, Any]:
    """The two defaults of the site, and what else could be the first of them."""
    words = words_of(request.GET)
    known = Persona.objects.select_related("handle")
    answering = list(known.among([]))
    offered = known.open_to_all().filter(is_global_default=False)
    if words:
        offered = offered.named_like(words)
    found, more = first_of(offered.order_by("name", "pk"), MOST_OFFERED)
    return {
        "words": words,
        "default": next((it for it in answering if it.is_global_default), None),
        "fallback": next((it for it in answering if it.is_fallback), None),
        "offered": found,
        "has_more": more is not None,
    }


@require_POST
@staff_required
def site_default_change(request: MemberRequest) -> HttpResponse:
    """Make a persona the site's default, or have none."""
    if "clear" in request.POST:
        defaults.clear_global_default(actor=request.user)
        messages.success(request, "The built-in persona answers by default now.")
        return redirect("personas:persona_settings")
    form = DefaultForm(request.POST)
    try:
        if not form.is_valid():
            raise NotPublic
        persona = form.cleaned_data["default"]
        defaults.set_global_default(persona=persona, actor=request.user)
    except NotPublic as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"{persona} is the site's default persona.")
    return redirect("personas:persona_settings")


@staff_required
def persona_table(request: MemberRequest) -> HttpResponse:
    """Every persona of the site, also private and deleted ones; never what it is told."""
    return _table(request, SiteVisibilityForm())


def _table(request: MemberRequest, form: SiteVisibilityForm) -> HttpResponse:
    words = words_of(request.GET)
    rows = Persona.objects.with_owners().select_related(
        "handle", "current_version", "default_config"
    )
    if words:
        rows = rows.named_like(words)
    context = {
        "page": page_of(rows, request.GET, by="name", size=PAGE_SIZE),
        "words": words,
        "form": form,
    }
    status = 422 if form.errors else 200
    return render(request, "personas/persona_table.html", context, status=status)


@require_POST
@staff_required
def personas_show(request: MemberRequest) -> HttpResponse:
    """Show the ticked personas to everybody or to their owners only; asks first."""
    form = SiteVisibilityForm(request.POST)
    if not form.is_valid():
        return _table(request, form)
    personas = form.cleaned_data["personas"].order_by("name", "pk")
    visibility = Visibility(form.cleaned_data["visibility"])
    if not form.cleaned_data["is_confirmed"]:
        context = {"personas": personas, "visibility": visibility}
        return render(request, "personas/personas_show.html", context)
    for persona in personas:
        try:
            changes = sharing.set_visibility(
                persona=persona, visibility=visibility, actor=request.user
            )
        except ForllmError as error:
            messages.error(request, f"{persona} stays as it was. {error.message}")
        else:
            said = f"{persona}: {visibility.label.lower()}."
            messages.success(request, " ".join([said, *changes]))
    return redirect("personas:persona_table")
