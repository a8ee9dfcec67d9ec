"""A persona's versions: all of them, one, how two differ, and going back to one."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from accounts.access import MemberRequest, member_required, viewer_of
from core.errors import ForllmError, NotAllowed
from core.paging import first_of, key_before, number_of
from personas.access import rights_of, shaped_persona, visible_persona
from personas.models import Persona, PersonaVersion
from personas.services import versions
from personas.wording import compare, fields_of

PAGE_SIZE = 30


def version_list(request: HttpRequest, persona_slug: str) -> HttpResponse:
    persona = visible_persona(request, persona_slug)
    found = persona.versions.with_authors().order_by("-number")
    before = key_before(request)
    if before is not None:
        found = found.filter(number__lt=before)
    rows, last = first_of(found, PAGE_SIZE)
    context = {
        "persona": persona,
        "rights": rights_of(viewer_of(request), persona),
        "versions": rows,
        "older": last.number if last else None,
        "is_later": before is not None,
    }
    return render(request, "personas/version_list.html", context)


def version_detail(
    request: HttpRequest, persona_slug: str, number: int
) -> HttpResponse:
    """What a version said, for those who may read that; when and by whom, for others.

    `fields` None: not for this reader.
    """
    persona = visible_persona(request, persona_slug)
    version = _version(persona, number)
    rights = rights_of(viewer_of(request), persona)
    context = {
        "persona": persona,
        "version": version,
        "rights": rights,
        "fields": fields_of(version) if rights.can_read else None,
    }
    return render(request, "personas/version_detail.html", context)


def version_compare(request: HttpRequest, persona_slug: str) -> HttpResponse:
    """How two versions differ, `from` the one `to` the other; else the last two."""
    persona = visible_persona(request, persona_slug)
    readable = PersonaVersion.objects.readable_by(viewer_of(request))
    last = readable.filter(persona=persona).order_by("-number").first()
    if last is None:
        raise Http404
    to, begin = number_of(request.GET, "to"), number_of(request.GET, "from")
    to = last.number if to is None else to
    begin = max(1, to - 1) if begin is None else begin
    pair = {it.number: it for it in persona.versions.filter(number__in=[begin, to])}
    context: dict[str, Any] = {
        "persona": persona,
        "begin": begin,
        "to": to,
        "last": last.number,
    }
    missing = [number for number in (begin, to) if number not in pair]
    if missing:
        context["problem"] = f"There is no version {missing[0]}."
    else:
        older, rights = pair[begin], rights_of(viewer_of(request), persona)
        is_current = begin in (to, getattr(persona.current_version, "number", begin))
        context |= {
            "older": older,
            "newer": pair[to],
            "differences": compare(older, pair[to]),
            "rights": rights,
            "may_revert": rights.can_shape and not (is_current or older.is_erased),
        }
    status = 404 if missing else 200
    return render(request, "personas/version_compare.html", context, status=status)


@member_required
def version_revert(
    request: MemberRequest, persona_slug: str, number: int
) -> HttpResponse:
    """Ask whether the persona shall be what it was, and make it so."""
    persona = shaped_persona(request, persona_slug)
    version = _version(persona, number)
    context = {"persona": persona, "version": version, "fields": fields_of(version)}
    status = 200
    if request.method == "POST":
        try:
            made = versions.revert(version=version, actor=request.user)
        except NotAllowed:  # their rights went while they waited
            raise Http404 from None
        except ForllmError as error:
            context["problem"], status = error.message, 422
        else:
            messages.success(request, f"Version {made.number} is what answers now.")
            return redirect(made)
    return render(request, "personas/version_revert.html", context, status=status)


def _version(persona: Persona, number: int) -> PersonaVersion:
    found: PersonaVersion = get_object_or_404(
        persona.versions.with_authors(), number=number
    )
    found.persona = persona
    return found
