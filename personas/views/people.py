"""Who shapes a persona: the list, joining, changing, handing over, leaving."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, member_required, sent
from core.errors import ForllmError, NotAllowed
from personas.access import managed_persona, shaped_persona
from personas.errors import AlreadyThere, OwnerNeeded, OwnersOnly
from personas.forms.sharing import PersonActForm, PersonForm, TransferForm
from personas.models import OwnerRole, Persona
from personas.services import owners


@member_required
def persona_people(request: MemberRequest, persona_slug: str) -> HttpResponse:
    """Owners and editors, for those who are; owners also add somebody here."""
    persona = shaped_persona(request, persona_slug)
    form = PersonForm(sent(request))
    if request.method == "POST":
        if not _manages(request, persona):
            return _people(request, persona, PersonForm(), OwnersOnly())
        if form.is_valid():
            try:
                owners.add_person(
                    persona=persona, actor=request.user, **form.cleaned_data
                )
            except NotAllowed:  # their rights went while they waited
                raise Http404 from None
            except AlreadyThere as error:
                form.add_error("member", error.message)
            else:
                member = form.cleaned_data["member"]
                messages.success(request, f"@{member} shapes {persona} with you now.")
                return redirect("personas:persona_people", persona_slug)
    return _people(request, persona, form)


def _people(
    request: MemberRequest,
    persona: Persona,
    form: PersonForm,
    error: ForllmError | None = None,
) -> HttpResponse:
    people = persona.owners.select_related("user__handle").order_by("-role", "pk")
    context: dict[str, Any] = {
        "persona": persona,
        "people": people,
        "form": form,
        "error": error,
        "may_manage": _manages(request, persona),
        "is_listed": any(entry.user == request.user for entry in people),
    }
    status = 422 if form.errors or error else 200
    if isinstance(error, NotAllowed):
        status = 403
    return render(request, "personas/persona_people.html", context, status=status)


@require_POST
@member_required
def persona_people_change(request: MemberRequest, persona_slug: str) -> HttpResponse:
    """A button of the list: another role, or out of the list."""
    persona = shaped_persona(request, persona_slug)
    if not _manages(request, persona):
        return _people(request, persona, PersonForm(), OwnersOnly())
    pressed = PersonActForm(request.POST, persona=persona).pressed
    if pressed is None:
        messages.warning(request, "That person is not in the list any more.")
        return redirect("personas:persona_people", persona_slug)
    act, member = pressed
    given: dict[str, Any] = {
        "persona": persona,
        "member": member,
        "actor": request.user,
    }
    try:
        if act == "remove":
            owners.remove_person(**given)
        else:
            role = OwnerRole.OWNER if act == "make_owner" else OwnerRole.EDITOR
            owners.change_role(role=role, **given)
    except NotAllowed:  # their rights went while they waited
        raise Http404 from None
    except OwnerNeeded as error:
        return _people(request, persona, PersonForm(), error)
    messages.success(request, "The list is changed.")
    return _to_what_is_left(request, persona)


@require_POST
@member_required
def persona_leave(request: MemberRequest, persona_slug: str) -> HttpResponse:
    persona, member = shaped_persona(request, persona_slug), request.user
    try:
        owners.remove_person(persona=persona, member=member, actor=member)
    except OwnerNeeded as error:
        return _people(request, persona, PersonForm(), error)
    messages.success(request, f"You do not shape {persona} any more.")
    return _to_what_is_left(request, persona)


@member_required
def persona_transfer(request: MemberRequest, persona_slug: str) -> HttpResponse:
    """Hand a persona over: what that means, and to whom."""
    persona = managed_persona(request, persona_slug)
    form = TransferForm(sent(request))
    if form.is_valid():
        member = form.cleaned_data["member"]
        try:
            owners.transfer(persona=persona, member=member, actor=request.user)
        except NotAllowed:  # their rights went while they waited
            raise Http404 from None
        except AlreadyThere as error:
            form.add_error("member", error.message)
        else:
            messages.success(request, f"{persona} belongs to @{member} now.")
            return _to_what_is_left(request, persona)
    context = {"persona": persona, "form": form}
    status = 422 if form.errors else 200
    return render(request, "personas/persona_transfer.html", context, status=status)


def _manages(request: MemberRequest, persona: Persona) -> bool:
    return Persona.objects.managed_by(request.user).filter(pk=persona.pk).exists()


def _to_what_is_left(request: MemberRequest, persona: Persona) -> HttpResponse:
    """The list, or the nearest page that the actor may still open."""
    this = Persona.objects.filter(pk=persona.pk)
    if this.shaped_by(request.user).exists():
        return redirect("personas:persona_people", persona.slug)
    if this.visible_to(request.user).exists():
        return redirect(persona)
    return redirect("personas:persona_settings")
