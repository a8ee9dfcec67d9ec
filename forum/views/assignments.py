"""Which personas belong where, from both sides: a subforum's list and a persona's."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, member_required, staff_required, viewer_of
from accounts.models import User
from core.errors import ForllmError, NotAllowed
from core.paging import first_of, page_of, words_of
from forum.errors import PersonaNotOffered
from forum.forms.assignments import AssignmentForm, PinForm
from forum.models import Subforum, SubforumPersona
from forum.services import assignments
from forum.services.subforums import pin_profile
from personas.access import visible_persona
from personas.models import Persona

PAGE_SIZE = 40
# What is offered to be added; who looks for another one searches.
MOST_OFFERED = 8


def subforum_personas(request: HttpRequest, slug: str) -> HttpResponse:
    visible = Subforum.objects.visible_to(request.user).with_deleted()
    subforum = get_object_or_404(visible.select_related("profile"), slug=slug)
    return _list_personas(request, subforum)


def _list_personas(
    request: HttpRequest, subforum: Subforum, error: ForllmError | None = None
) -> HttpResponse:
    viewer, words = viewer_of(request), words_of(request.GET)
    assigned = SubforumPersona.objects.filter(subforum=subforum)
    usable = assigned.usable_by(viewer).select_related("persona__current_version")
    may_assign = assignments.may_assign(viewer)
    first = assigned.first_narrowing()
    default = first.persona if first and first.answers_unasked else None
    context: dict[str, Any] = {
        "subforum": subforum,
        "page": page_of(usable, request.GET, by="persona__name", size=PAGE_SIZE),
        "is_narrowed": first is not None,
        "default": default,
        # Who answers instead of one of its own.
        "site_default": default or Persona.objects.answering_unasked(),
        "may_assign": may_assign,
        "words": words,
        "error": error,
    }
    if may_assign:
        context |= _what_may_change(subforum, viewer, words)
    if viewer is not None and viewer.is_staff:
        pinned = subforum.profile.key if subforum.profile else ""
        context["pin_form"] = PinForm(initial={"profile": pinned})
    return _answer(request, "forum/subforum_personas.html", context, error)


def _what_may_change(
    subforum: Subforum, viewer: User | None, words: str
) -> dict[str, Any]:
    """Who could be assigned, and who was deleted and is assigned still."""
    assigned = SubforumPersona.objects.filter(subforum=subforum)
    others = Persona.objects.usable_by(viewer).select_related("handle")
    others = others.exclude(pk__in=assigned.values("persona"))
    if words:
        others = others.named_like(words)
    offered, more = first_of(others.order_by("name", "pk"), MOST_OFFERED)
    deleted: list[SubforumPersona] = []
    if subforum.has_deleted:  # type: ignore[attr-defined]
        deleted = list(assigned.deleted_for(viewer)[:MOST_OFFERED])
    return {"deleted": deleted, "offered": offered, "has_more": more is not None}


@require_POST
@staff_required
def subforum_pin(request: MemberRequest, slug: str) -> HttpResponse:
    """Which profile's model answers here."""
    subforum = get_object_or_404(Subforum.objects.visible_to(request.user), slug=slug)
    form = PinForm(request.POST)
    if form.is_valid():
        pin_profile(
            subforum=subforum, key=form.cleaned_data["profile"], actor=request.user
        )
        messages.success(request, f"The model of {subforum.name} is saved.")
    else:
        messages.error(request, "There is no such profile.")
    return redirect("forum:subforum_personas", slug)


@require_POST
@member_required
def subforum_personas_change(request: MemberRequest, slug: str) -> HttpResponse:
    """A button of the list: assign, take away, make the default, or have none."""
    visible = Subforum.objects.visible_to(request.user).with_deleted()
    subforum = get_object_or_404(visible, slug=slug)
    personas = Persona.objects.met_by(request.user)
    form = AssignmentForm(request.POST, choices=personas)
    try:
        if not form.is_valid():
            raise PersonaNotOffered
        _press(request, form, subforum, form.chosen if form.act else None)
    except ForllmError as error:
        return _list_personas(request, subforum, error)
    return _back(request, "forum:subforum_personas", slug)


def persona_subforums(request: HttpRequest, persona_slug: str) -> HttpResponse:
    return _list_subforums(request, visible_persona(request, persona_slug))


def _list_subforums(
    request: HttpRequest, persona: Persona, error: ForllmError | None = None
) -> HttpResponse:
    viewer, words = viewer_of(request), words_of(request.GET)
    entries = SubforumPersona.objects.filter(persona=persona)
    here = entries.filter(subforum__in=Subforum.objects.visible_to(viewer))
    is_allowed = assignments.may_assign(viewer)
    may_assign = is_allowed and _may_use(viewer, persona)
    offered: list[Subforum] = []
    more: Subforum | None = None
    if may_assign:
        others = Subforum.objects.visible_to(viewer).with_freedom()
        others = others.exclude(pk__in=entries.values("subforum"))
        if words:
            others = others.filter(name__icontains=words)
        offered, more = first_of(others.order_by("name"), MOST_OFFERED)
    context = {
        "persona": persona,
        "page": page_of(
            here.select_related("subforum", "persona"),
            request.GET,
            by="subforum__name",
            size=PAGE_SIZE,
        ),
        "offered": offered,
        "narrows": persona.is_open_to_all and any(it.is_free for it in offered),
        "has_more": more is not None,
        "may_assign": may_assign,
        "only_staff": viewer is not None and not is_allowed,
        "words": words,
        "error": error,
    }
    return _answer(request, "forum/persona_subforums.html", context, error)


@require_POST
@member_required
def persona_subforums_change(request: MemberRequest, persona_slug: str) -> HttpResponse:
    """A button of the list: assign the persona there, take it away, make it the default."""
    persona = visible_persona(request, persona_slug)
    subforums = Subforum.objects.visible_to(request.user)
    form = AssignmentForm(request.POST, choices=subforums)
    try:
        if not form.is_valid():
            raise PersonaNotOffered("There is no such subforum.")
        if form.act not in ("", "clear"):
            _press(request, form, form.chosen, persona)
    except ForllmError as error:
        return _list_subforums(request, persona, error)
    return _back(request, "forum:persona_subforums", persona_slug)


def _press(
    request: MemberRequest,
    form: AssignmentForm,
    subforum: Subforum,
    persona: Persona | None,
) -> None:
    """Do what the button says, and say it."""
    actor = request.user
    if form.act == "clear":
        assignments.clear_default(subforum=subforum, actor=actor)
        messages.success(request, f"{subforum} has no default persona now.")
    elif persona is not None:
        do, words = _ACTS[form.act]
        do(subforum=subforum, persona=persona, actor=actor)
        named = persona if persona.is_active else "A deleted persona"
        said = words.format(persona=named, subforum=subforum)
        messages.success(request, said)


_ACTS: dict[str, tuple[Any, str]] = {
    "add": (assignments.assign, "{persona} is assigned to {subforum}."),
    "remove": (assignments.unassign, "{persona} is not assigned to {subforum} now."),
    "default": (assignments.set_default, "{persona} is the default in {subforum}."),
}


def _may_use(viewer: User | None, persona: Persona) -> bool:
    return Persona.objects.usable_by(viewer).filter(pk=persona.pk).exists()


def _answer(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    error: ForllmError | None,
) -> HttpResponse:
    status = 200 if error is None else 403 if isinstance(error, NotAllowed) else 422
    return render(request, template, context, status=status)


def _back(request: HttpRequest, route: str, slug: str) -> HttpResponse:
    """To the list as it was narrowed."""
    kept = QueryDict(mutable=True)
    kept.update(
        {name: request.GET[name] for name in ("q", "after") if name in request.GET}
    )
    address = resolve_url(route, slug)
    return redirect(f"{address}?{kept.urlencode()}" if kept else address)
