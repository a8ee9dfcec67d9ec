"""A member's page, their profile, and the link that signs a site owner in."""

from django.contrib import messages
from django.forms import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache

from accounts import audit, services, signin_links
from accounts.access import MemberRequest, member_required, sent, staff_required
from accounts.forms import AuditForm, ProfileForm
from accounts.models import AuditEvent, User
from core.errors import NameRefused
from core.paging import first_of, key_before

AUDIT_PAGE_SIZE = 50


def member_detail(request: HttpRequest, handle: str) -> HttpResponse:
    member = get_object_or_404(
        User.objects.select_related("handle"), handle__name__iexact=handle
    )
    return render(request, "accounts/member_detail.html", {"member": member})


@member_required
def profile_edit(request: MemberRequest) -> HttpResponse:
    member = request.user
    form = ProfileForm(sent(request), initial=model_to_dict(member))
    if form.is_valid():
        try:
            services.edit_profile(user=member, **form.cleaned_data)
        except NameRefused as refusal:
            form.add_error("display_name", refusal.message)
        else:
            messages.success(request, "Your profile is saved.")
            return redirect("accounts:profile_edit")
    status = 422 if form.errors else 200
    context = {"form": form, "member": member}
    return render(request, "accounts/profile_edit.html", context, status=status)


@staff_required
def audit_list(request: MemberRequest) -> HttpResponse:
    """Who changed what, newest first; pages are found by key."""
    form = AuditForm(request.GET)
    context: dict[str, object] = {"form": form}
    if form.is_valid():
        found = AuditEvent.objects.narrowed(**form.cleaned_data).before(
            key_before(request)
        )
        page, last = first_of(found, AUDIT_PAGE_SIZE)
        context["events"] = audit.tell(page, viewer=request.user)
        context["is_narrowed"] = any(form.cleaned_data.values())
        if last is not None:
            query = request.GET.copy()
            query["before"] = str(last.pk)
            context["older"] = query.urlencode()
    status = 200 if form.is_valid() else 422
    return render(request, "accounts/audit_list.html", context, status=status)


@never_cache
def signin_link(request: HttpRequest, key: str, token: str) -> HttpResponse:
    """Show one button, so that what only looks at links uses none up; then sign in."""
    if request.method == "POST":
        if services.use_signin_link(request=request, key=key, token=token):
            return redirect("/")
        user = None
    else:
        user = signin_links.find_user(key, token)
    status = 200 if user else 404
    return render(request, "accounts/signin_link.html", {"member": user}, status=status)
