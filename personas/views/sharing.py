"""Who may use a persona, and who may read what it is told."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from accounts.access import MemberRequest, member_required, sent
from core.errors import NotAllowed
from personas.access import managed_persona
from personas.errors import FallbackStays, PersonaNameTaken
from personas.forms.sharing import VisibilityForm
from personas.services import sharing


@member_required
def persona_visibility(request: MemberRequest, persona_slug: str) -> HttpResponse:
    persona = managed_persona(request, persona_slug)
    form = VisibilityForm(sent(request), persona=persona, member=request.user)
    if form.is_valid():
        try:
            changes = sharing.share(
                persona=persona, actor=request.user, **form.cleaned_data
            )
        except NotAllowed:  # their rights went while they waited
            raise Http404 from None
        except (FallbackStays, PersonaNameTaken) as error:
            form.add_error("visibility", error.message)
        else:
            messages.success(request, " ".join(["This is saved.", *changes]))
            return redirect("personas:persona_visibility", persona_slug)
    context = {"persona": persona, "form": form}
    status = 422 if form.errors else 200
    return render(request, "personas/persona_visibility.html", context, status=status)
