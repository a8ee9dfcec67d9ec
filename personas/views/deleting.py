"""Deleting a persona."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from accounts.access import MemberRequest, member_required
from core.errors import ForllmError, NotAllowed
from personas.access import managed_persona
from personas.services import personas


@member_required
def persona_delete(request: MemberRequest, persona_slug: str) -> HttpResponse:
    """Ask whether a persona shall go, and let it go."""
    persona = managed_persona(request, persona_slug)
    context, status = {"persona": persona}, 200
    if request.method == "POST":
        try:
            personas.delete_persona(persona=persona, actor=request.user)
        except NotAllowed:  # their rights went while they waited
            raise Http404 from None
        except ForllmError:  # the page says why it stays
            status = 422
        else:
            messages.success(request, f"{persona.name} is deleted.")
            return redirect("personas:persona_list")
    return render(request, "personas/persona_delete.html", context, status=status)
