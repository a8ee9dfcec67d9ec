"""Settings > Identities: how a member presents themselves. Others' do not exist."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, member_required, sent
from core.errors import ForllmError
from personas.errors import IdentityNameTaken, TooMany
from personas.forms.identities import IdentityForm
from personas.models import Identity
from personas.services import identities as services


@member_required
def identity_list(request: MemberRequest) -> HttpResponse:
    identities = Identity.objects.of(request.user)
    return render(request, "personas/identity_list.html", {"identities": identities})


@member_required
def identity_create(request: MemberRequest) -> HttpResponse:
    form = IdentityForm(sent(request))
    if form.is_valid():
        try:
            identity = services.create_identity(user=request.user, **form.cleaned_data)
        except (IdentityNameTaken, TooMany) as error:
            form.add_error(_field_of(error), error.message)
        else:
            messages.success(request, f"{identity.name} is saved.")
            return redirect("personas:identity_detail", identity.pk)
    status = 422 if form.errors else 200
    return render(
        request, "personas/identity_create.html", {"form": form}, status=status
    )


@member_required
def identity_detail(request: MemberRequest, identity_id: int) -> HttpResponse:
    identity = _find(request, identity_id)
    return render(request, "personas/identity_detail.html", {"identity": identity})


@member_required
def identity_edit(request: MemberRequest, identity_id: int) -> HttpResponse:
    identity = _find(request, identity_id)
    title = identity.name
    form = IdentityForm(sent(request), initial=vars(identity))
    if form.is_valid():
        try:
            services.edit_identity(identity=identity, **form.cleaned_data)
        except IdentityNameTaken as error:
            form.add_error(_field_of(error), error.message)
        else:
            messages.success(request, f"{identity.name} is saved.")
            return redirect("personas:identity_detail", identity.pk)
    context = {"form": form, "identity": identity, "title": title}
    status = 422 if form.errors else 200
    return render(request, "personas/identity_edit.html", context, status=status)


@member_required
def identity_delete(request: MemberRequest, identity_id: int) -> HttpResponse:
    identity = _find(request, identity_id)
    if request.method == "POST":
        services.delete_identity(identity=identity)
        messages.success(request, f"{identity.name} is deleted.")
        return redirect("personas:identity_list")
    return render(request, "personas/identity_delete.html", {"identity": identity})


@require_POST
@member_required
def identity_make_default(request: MemberRequest, identity_id: int) -> HttpResponse:
    identity = _find(request, identity_id)
    services.make_default_identity(identity=identity)
    messages.success(request, f"{identity.name} is your default now.")
    return redirect("personas:identity_list")


def _field_of(error: ForllmError) -> str | None:
    return "name" if isinstance(error, IdentityNameTaken) else None


def _find(request: MemberRequest, identity_id: int) -> Identity:
    return get_object_or_404(Identity.objects.of(request.user), pk=identity_id)
