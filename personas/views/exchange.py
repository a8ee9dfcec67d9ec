"""Pages that take a persona in from a file, and give one out as a file."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from accounts.access import MemberRequest, member_required, sent, viewer_of
from core.errors import ForllmError
from core.uploads import takes_file
from personas.forms.exchange import FILE, MOST_FILE_BYTES, ImportForm
from personas.models import Persona
from personas.services import exchange

IMPORTED = (
    "{} is imported as a draft that nobody meets but you."
    " Look through it, then publish it."
)


@takes_file(field=FILE, most=MOST_FILE_BYTES)
@member_required
def persona_import(request: MemberRequest) -> HttpResponse:
    form = ImportForm(sent(request), request.FILES or None)
    if form.is_valid():
        data = form.cleaned_data
        try:
            persona = exchange.import_persona(
                importer=request.user, incoming=data["file"], token=data["token"]
            )
        except ForllmError as error:  # a name that cannot be had, or too many drafts
            form.add_error("file", error.message)
        else:
            messages.success(request, IMPORTED.format(persona.name))
            return redirect(persona)
    status = 422 if form.errors else 200
    return render(
        request, "personas/persona_import.html", {"form": form}, status=status
    )


@require_safe
def persona_export(request: HttpRequest, persona_slug: str) -> HttpResponse:
    persona = _readable(request, persona_slug)
    came_as = exchange.came_as(persona, reader=viewer_of(request))
    context = {"persona": persona, "came_as": came_as}
    return render(request, "personas/persona_export.html", context)


@require_safe
def persona_download(
    request: HttpRequest, persona_slug: str, form: str
) -> HttpResponse:
    """The persona as a file; `form` as in `exchange.export`."""
    persona = _readable(request, persona_slug)
    file = exchange.export(persona=persona, reader=viewer_of(request), form=form)
    if file is None:
        raise Http404
    return HttpResponse(
        file.content,
        content_type=file.content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{file.name}"',
            "X-Content-Type-Options": "nosniff",
        },
    )


def _readable(request: HttpRequest, persona_slug: str) -> Persona:
    readable = Persona.objects.readable_by(viewer_of(request)).with_versions()
    return get_object_or_404(readable, slug=persona_slug)
