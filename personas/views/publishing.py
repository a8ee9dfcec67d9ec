"""Making a draft the version that people meet."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from accounts.access import MemberRequest, member_required, sent
from core.errors import NameRefused, NotAllowed
from personas import definitions
from personas.access import shaped_persona
from personas.characterisation import describe
from personas.errors import (
    ChangedMeanwhile,
    DefinitionRefused,
    DraftGone,
    NameNeeded,
    NothingChanged,
    PersonaNameTaken,
)
from personas.forms.writing import PublishForm
from personas.models import Persona, PersonaDraft
from personas.services import drafts, versions


@member_required
def persona_publish(request: MemberRequest, persona_slug: str) -> HttpResponse:
    """Say what changes, take a note, publish. A second press finds the draft gone."""
    persona = shaped_persona(request, persona_slug)
    draft = drafts.look_at_draft(persona=persona, editor=request.user)
    if not draft.pk:
        messages.info(request, DraftGone.message)
        return redirect(persona)
    form = PublishForm(
        sent(request), persona=persona, may_share=_may_share(request, persona)
    )
    problems: list[str] = []
    if form.is_valid():
        try:
            version = versions.publish(draft=draft, **form.cleaned_data)
        except NotAllowed:  # their rights went while they waited
            raise Http404 from None
        except (ChangedMeanwhile, NothingChanged):  # the page says since when
            persona = shaped_persona(request, persona_slug)
        except (NameNeeded, NameRefused, PersonaNameTaken, DefinitionRefused) as error:
            problems = [error.message]
        except DraftGone as error:
            messages.info(request, error.message)
            return redirect(persona)
        else:
            said = f"{version.persona.name} is published as version {version.number}."
            messages.success(request, said)
            return redirect(version.persona)
    context = {
        "persona": persona,
        "draft": draft,
        "form": form,
        "problems": problems or _problems(draft),
        "changes": drafts.changes_in(draft, persona),
        "told": [text for _, text in describe(draft.name, draft.definition)],
        "is_overtaken": draft.base_id != persona.current_version_id,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "personas/persona_publish.html", context, status=status)


def _may_share(request: MemberRequest, persona: Persona) -> bool:
    """Whether this is the first version, and by somebody who may say who meets it."""
    is_first = persona.current_version_id is None
    managed = Persona.objects.managed_by(request.user)
    return is_first and managed.filter(pk=persona.pk).exists()


def _problems(draft: PersonaDraft) -> list[str]:
    _, problems = definitions.look_over(draft.definition)
    return [f"{definitions.LABELS[name]}: {text}" for name, text in problems.items()]
