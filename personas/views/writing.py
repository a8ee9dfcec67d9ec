"""Beginning a persona, and all of its draft on one page."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, member_required, sent
from core.errors import HandleRefused, ImageRefused, NameRefused
from core.images import MAX_BYTES
from core.uploads import takes_file
from personas.access import shaped_persona
from personas.characterisation import describe
from personas.errors import DraftGone, PersonaNameTaken, TooManyDrafts
from personas.forms.writing import EditorForm, PersonaForm, entered, row_count
from personas.models import Persona, PersonaDraft
from personas.services import drafts
from personas.services.naming import propose_handle


@member_required
def persona_create(request: MemberRequest) -> HttpResponse:
    """Take a name and a handle; everything else is asked by the guide."""
    form = PersonaForm(sent(request))
    if form.is_valid():
        try:
            draft = drafts.begin_persona(creator=request.user, **form.cleaned_data)
        except HandleRefused as error:
            name = form.cleaned_data["name"]
            form.suggest(propose_handle(name=name, creator=request.user.handle.name))
            form.add_error("handle", error.message)
        except (NameRefused, PersonaNameTaken) as error:
            form.add_error("name", error.message)
        except TooManyDrafts as error:
            form.add_error(None, error.message)
        else:
            return redirect("personas:guide_step", draft.persona.slug, "role")
    status = 422 if form.errors else 200
    return render(
        request, "personas/persona_create.html", {"form": form}, status=status
    )


@takes_file(field="image", most=MAX_BYTES)
@member_required
def persona_edit(request: MemberRequest, persona_slug: str) -> HttpResponse:
    """Save the whole draft; what cannot be published yet is kept, and said."""
    persona = shaped_persona(request, persona_slug)
    if request.method == "POST":
        draft = drafts.draft_of(persona=persona, editor=request.user)
        form = EditorForm(request.POST, request.FILES, draft=draft, persona=persona)
        is_saved = form.is_valid() and _save(draft, form)
        if is_saved and (goal := _goal(request, persona, form)):
            return redirect(goal)
        form.show_problems()
    else:
        draft = drafts.look_at_draft(persona=persona, editor=request.user)
        rows = row_count(request.GET.get("rows", ""), least=1)
        data = entered(draft, rows=rows)
        form = EditorForm(data, draft=draft, persona=persona)
        form.is_valid()
        form.show_problems(filled_only=True)
    context = {
        "persona": persona,
        "draft": draft,
        "form": form,
        "told": [text for _, text in describe(draft.name, draft.definition)],
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "personas/persona_edit.html", context, status=status)


def _save(draft: PersonaDraft, form: EditorForm) -> bool:
    """Keep what was entered; False if the draft is gone, or the picture is none.

    A refused picture alone is not kept.
    """
    try:
        drafts.save_draft(draft=draft, **form.values)
        if picture := form.cleaned_data["image"]:
            drafts.save_picture(draft=draft, data=picture.read())
    except DraftGone as error:
        form.add_error(None, error.message)
    except ImageRefused as error:
        form.add_error("image", error.message)
    return not form.errors


def _goal(request: MemberRequest, persona: Persona, form: EditorForm) -> str | None:
    """Where the pressed button leads; None: nowhere until what is wrong is put right."""
    address = reverse("personas:persona_edit", args=[persona.slug])
    if request.POST.get("go") == "add":
        return f"{address}?rows={form.row_count + 1}#row-{form.row_count}"
    if request.POST.get("go") == "publish":
        publish = reverse("personas:persona_publish", args=[persona.slug])
        return None if form.problems else publish
    messages.success(request, "Your draft is saved. Nobody meets it until you publish.")
    return address


@require_POST
@member_required
def draft_check(request: MemberRequest, persona_slug: str) -> HttpResponse:
    """What stands against one field, `field`, as it is typed; nothing is saved."""
    persona = shaped_persona(request, persona_slug)
    draft = drafts.look_at_draft(persona=persona, editor=request.user)
    form = EditorForm(request.POST, draft=draft, persona=persona)
    form.is_valid()
    form.show_problems()
    errors = form.errors.get(request.GET.get("field", ""), "")
    return HttpResponse(str(errors))  # an ErrorList, which escapes what it says


@member_required
def draft_discard(request: MemberRequest, persona_slug: str) -> HttpResponse:
    """Ask once more, then go back to what is published."""
    persona = shaped_persona(request, persona_slug)
    if persona.current_version is None:
        raise Http404
    if request.method == "POST":
        draft = drafts.look_at_draft(persona=persona, editor=request.user)
        if draft.pk:
            drafts.discard_draft(draft=draft)
        messages.success(request, "Your draft is discarded.")
        return redirect(persona)
    return render(request, "personas/draft_discard.html", {"persona": persona})
