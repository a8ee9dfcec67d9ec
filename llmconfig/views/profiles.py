"""Settings > Endpoints > Profiles: which model serves which intent. Staff only."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from accounts.access import MemberRequest, sent, staff_required
from llmconfig.forms.configs import ProfilesForm
from llmconfig.models import ModelProfile
from llmconfig.services import profiles


@staff_required
def profiles_edit(request: MemberRequest) -> HttpResponse:
    rows = ModelProfile.objects.select_related("config")
    form = ProfilesForm(sent(request), chosen={row.key: row.config for row in rows})
    if form.is_valid():
        profiles.set_profiles(chosen=form.cleaned_data, actor=request.user)
        messages.success(request, "The profiles are saved; the next requests use them.")
        return redirect("llmconfig:profiles_edit")
    status = 422 if form.errors else 200
    return render(
        request, "llmconfig/profiles_edit.html", {"form": form}, status=status
    )
