"""Settings > Groups: named groups of members, for which personas can be open."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import Group
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, sent, staff_required
from accounts.models import User
from core.paging import page_of
from personas.errors import AlreadyThere, GroupNameTaken
from personas.forms.sharing import GroupForm, GroupMemberForm
from personas.models import Persona
from personas.services import groups

PAGE_SIZE = 40


@staff_required
def group_list(request: MemberRequest) -> HttpResponse:
    form = GroupForm(sent(request))
    if form.is_valid():
        try:
            group = groups.create_group(actor=request.user, **form.cleaned_data)
        except GroupNameTaken as error:
            form.add_error("name", error.message)
        else:
            messages.success(request, f"{group} is made. Now say who is in it.")
            return redirect("personas:group_detail", group.pk)
    known = Group.objects.annotate(
        members_count=Count("user", distinct=True),
        personas_count=Count("personas", distinct=True),
    )
    page = page_of(known, request.GET, by="name", size=PAGE_SIZE)
    context = {"page": page, "form": form}
    status = 422 if form.errors else 200
    return render(request, "personas/group_list.html", context, status=status)


@staff_required
def group_detail(request: MemberRequest, group_id: int) -> HttpResponse:
    """Who is in a group; and somebody new."""
    group = get_object_or_404(Group, pk=group_id)
    form = GroupMemberForm(sent(request))
    if form.is_valid():
        member = form.cleaned_data["member"]
        try:
            groups.add_member(group=group, member=member, actor=request.user)
        except AlreadyThere as error:
            form.add_error("member", error.message)
        else:
            messages.success(request, f"@{member} is in {group} now.")
            return redirect("personas:group_detail", group.pk)
    return _detail(request, group, form=form, name_form=_name_form(group))


def _name_form(group: Group) -> GroupForm:
    return GroupForm(initial={"name": group.name}, auto_id="group-%s")


def _detail(
    request: MemberRequest, group: Group, *, form: GroupMemberForm, name_form: GroupForm
) -> HttpResponse:
    members = User.objects.filter(groups=group).select_related("handle")
    context: dict[str, Any] = {
        "group": group,
        "form": form,
        "name_form": name_form,
        "page": page_of(members, request.GET, by="handle__name", size=PAGE_SIZE),
        "personas_count": Persona.objects.filter(groups=group, is_active=True).count(),
    }
    status = 422 if form.errors or name_form.errors else 200
    return render(request, "personas/group_detail.html", context, status=status)


@require_POST
@staff_required
def group_rename(request: MemberRequest, group_id: int) -> HttpResponse:
    group = get_object_or_404(Group, pk=group_id)
    form = GroupForm(request.POST, auto_id="group-%s")
    if form.is_valid():
        try:
            groups.rename_group(group=group, actor=request.user, **form.cleaned_data)
        except GroupNameTaken as error:
            form.add_error("name", error.message)
        else:
            messages.success(request, "The group has its new name.")
            return redirect("personas:group_detail", group.pk)
    return _detail(request, group, form=GroupMemberForm(), name_form=form)


@require_POST
@staff_required
def group_remove(request: MemberRequest, group_id: int, member_id: int) -> HttpResponse:
    group = get_object_or_404(Group, pk=group_id)
    member = get_object_or_404(User.objects.select_related("handle"), pk=member_id)
    groups.remove_member(group=group, member=member, actor=request.user)
    messages.success(request, f"@{member} is not in {group} any more.")
    return redirect("personas:group_detail", group.pk)


@staff_required
def group_delete(request: MemberRequest, group_id: int) -> HttpResponse:
    group = get_object_or_404(Group, pk=group_id)
    if request.method == "POST":
        groups.delete_group(group=group, actor=request.user)
        messages.success(request, f"{group} is deleted.")
        return redirect("personas:group_list")
    context = {
        "group": group,
        "personas": Persona.objects.filter(groups=group, is_active=True)[:PAGE_SIZE],
    }
    return render(request, "personas/group_delete.html", context)
