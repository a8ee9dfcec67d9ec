"""Settings > Limits, for staff; and what a member has left, with their own budget."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, member_required, sent, staff_required
from accounts.tiers import tier_of
from core import addresses, rates
from llmconfig.intents import CHEAP
from llmconfig.models import ModelProfile
from llmconfig.services.budgets import set_budget
from llmconfig.services.members import ai_settings_of
from llmqueue.limits.overview import limit_rows
from llmqueue.limits.remaining import left_for
from llmqueue.models import LimitScope, SpendLimit
from studio.errors import LimitExists
from studio.forms.limits import AmountsForm, BudgetForm, LimitForm, plain
from studio.limit_names import names_of
from studio.services import limits

_SCOPES = list(LimitScope)


@staff_required
def limit_list(request: MemberRequest) -> HttpResponse:
    found = list(SpendLimit.objects.order_by("pk"))
    found.sort(key=lambda it: _SCOPES.index(LimitScope(it.scope)))
    names = names_of(found)
    rows = [(names[row.limit.pk], row) for row in limit_rows(found)]
    has_cheap = ModelProfile.objects.filter(key=CHEAP, config__isnull=False).exists()
    context = {
        "rows": rows,
        "has_cheap": has_cheap,
        "has_costs": any(it.is_enabled and it.cost_usd is not None for it in found),
        "rates": rates.in_force(),
        "unbelieved": list(addresses.unbelieved.values()),
    }
    return render(request, "studio/limit_list.html", context)


@staff_required
def limit_create(request: MemberRequest) -> HttpResponse:
    form = LimitForm(sent(request))
    if form.is_valid():
        data = form.cleaned_data
        try:
            limits.create_limit(
                scope=data["scope"],
                key=data["key"],
                period=data["period"],
                actor=request.user,
                **form.amounts,
            )
        except LimitExists as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, "The limit is set.")
            return redirect("studio:limit_list")
    status = 422 if form.errors else 200
    return render(request, "studio/limit_create.html", {"form": form}, status=status)


@staff_required
def limit_edit(request: MemberRequest, limit_id: int) -> HttpResponse:
    limit = get_object_or_404(SpendLimit, pk=limit_id)
    now = {
        "requests": limit.requests,
        "tokens": limit.tokens,
        "cost_usd": plain(limit.cost_usd),
    }
    form = AmountsForm(sent(request), initial=now)
    if form.is_valid():
        limits.change_limit(limit=limit, actor=request.user, **form.amounts)
        messages.success(request, "The limit is changed.")
        return redirect("studio:limit_list")
    context = {"form": form, "limit": limit, "name": names_of([limit])[limit.pk]}
    status = 422 if form.errors else 200
    return render(request, "studio/limit_edit.html", context, status=status)


@require_POST
@staff_required
def limit_toggle(request: MemberRequest, limit_id: int) -> HttpResponse:
    """Switch to what the button said, so that a second press changes nothing."""
    limit = get_object_or_404(SpendLimit, pk=limit_id)
    is_enabled = request.POST.get("enable") == "yes"
    limits.switch_limit(limit=limit, is_enabled=is_enabled, actor=request.user)
    messages.success(request, f"The limit is {'on' if is_enabled else 'off'}.")
    return redirect("studio:limit_list")


@staff_required
def limit_delete(request: MemberRequest, limit_id: int) -> HttpResponse:
    limit = SpendLimit.objects.filter(pk=limit_id).first()
    if request.method == "POST":
        if limit is not None:  # else the button was pressed twice
            limits.delete_limit(limit=limit, actor=request.user)
            messages.success(request, "The limit is deleted.")
        return redirect("studio:limit_list")
    if limit is None:
        raise Http404
    context = {"limit": limit, "name": names_of([limit])[limit.pk]}
    return render(request, "studio/limit_delete.html", context)


@member_required
def budget_edit(request: MemberRequest) -> HttpResponse:
    """What the member has left, and the form of their own budget."""
    form = BudgetForm(sent(request), own=ai_settings_of(request.user))
    if form.is_valid():
        set_budget(member=request.user, **form.cleaned_data)
        messages.success(request, "Your budget is saved.")
        return redirect("studio:budget_edit")
    tier = tier_of(request.user)
    context = {"form": form, "lefts": left_for(request.user, tier=tier)}
    if request.user.api_keys.exists():
        on_own_key = left_for(request.user, tier=tier, on_own_key=True)
        context["on_own_key"] = [it for it in on_own_key if not it.is_budget]
    status = 422 if form.errors else 200
    return render(request, "studio/budget_edit.html", context, status=status)
