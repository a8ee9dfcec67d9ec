"""The guide: a persona written in five steps, and looked over in a sixth."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts.access import MemberRequest, member_required
from core.steps import Step
from personas import definitions, voices
from personas.access import shaped_persona
from personas.characterisation import describe
from personas.errors import DraftGone
from personas.forms.writing import GuideForm, entered, row_count
from personas.guide import STEPS
from personas.models import Persona, PersonaDraft
from personas.services import drafts

_ROWS_AT_FIRST = 3


@member_required
def guide_step(request: MemberRequest, persona_slug: str, step: str) -> HttpResponse:
    """Ask for one part of a persona; whatever was entered is kept, right or wrong."""
    persona = shaped_persona(request, persona_slug)
    page = STEPS.find(step)
    if page is None:
        raise Http404
    if request.method == "POST":
        draft = drafts.draft_of(persona=persona, editor=request.user)
        form = GuideForm(request.POST, draft=draft, only=page.fields)
        is_saved = form.is_valid() and _save(draft, form)
        if is_saved and (goal := _goal(request, persona, page, form)):
            return redirect(goal)
        form.show_problems()
    else:
        draft = drafts.look_at_draft(persona=persona, editor=request.user)
        form = _filled(request, draft, page)
    context = {
        "persona": persona,
        "draft": draft,
        "form": form,
        "step": page,
        "number": STEPS.index(page) + 1,
        "states": _states(draft),
        "told": [text for _, text in describe(draft.name, draft.definition)],
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "personas/guide_step.html", context, status=status)


def _filled(request: MemberRequest, draft: PersonaDraft, page: Step) -> GuideForm:
    rows = row_count(request.GET.get("rows", ""), least=_ROWS_AT_FIRST)
    data = entered(draft, rows=rows)
    data["voice_kind"], data["voice"] = voices.split(draft.voice)
    form = GuideForm(data, draft=draft, only=page.fields)
    form.is_valid()
    form.show_problems(filled_only=True)
    return form


def _save(draft: PersonaDraft, form: GuideForm) -> bool:
    """Keep what was entered; False if the draft is gone."""
    try:
        drafts.save_draft(draft=draft, **form.values)
    except DraftGone as error:
        form.add_error(None, error.message)
    return not form.errors


def _goal(
    request: MemberRequest, persona: Persona, page: Step, form: GuideForm
) -> str | None:
    """Where the pressed button leads; None: nowhere until what is wrong is put right."""

    def address(step: Step | None) -> str:
        key = step.key if step else page.key
        return reverse("personas:guide_step", args=[persona.slug, key])

    match request.POST.get("go"):
        case "back":
            return address(STEPS.before(page))
        case "leave":
            messages.success(request, "Your draft is saved. Nobody else meets it yet.")
            return persona.get_absolute_url()
        case "add":
            return f"{address(page)}?rows={form.row_count + 1}#row-{form.row_count}"
    if form.problems:
        return None
    after = STEPS.after(page)
    if after or request.POST.get("go") == "look":
        return address(after)
    return reverse("personas:persona_publish", args=[persona.slug])


def _states(draft: PersonaDraft) -> list[tuple[Step, str]]:
    """Each of the five steps, and whether it is written, wrong or still empty."""
    _, problems = definitions.look_over(draft.definition)

    def state(step: Step) -> str:
        filled = [name for name in step.fields if getattr(draft, name)]
        if any(name in problems for name in filled):
            return "wrong"
        return "written" if filled else "empty"

    return [(step, state(step)) for step in STEPS[:-1]]
