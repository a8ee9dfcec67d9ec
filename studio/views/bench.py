"""The test bench of a persona, for those who shape it: its prompt, and what to try."""

import uuid
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render

from accounts.access import MemberRequest, member_required, sent
from core import rates
from core.errors import ForllmError
from core.pieces import is_piece, vary_on_piece
from personas.access import shaped_persona
from personas.models import Persona, PersonaDraft
from studio.bench import previews
from studio.bench.candidates import of_choice, problems_of
from studio.bench.conversations import SAMPLE_TEXT
from studio.forms.bench import DRAFT_CHOICE, BenchForm, TrialForm
from studio.models import Trial
from studio.services import trials

_MOST_EARLIER = 10
# Where a session keeps what somebody is about to try.
_KEPT = "try"


@member_required
def persona_preview(request: MemberRequest, persona_slug: str) -> HttpResponse:
    """The prompt as it would be sent; htmx gets that part alone.

    Of the viewer's draft as it is saved, or `?version=3`; for `?post=12`, or a sample.
    """
    persona = shaped_persona(request, persona_slug)
    form = BenchForm(request.GET, persona=persona, viewer=request.user)
    context: dict[str, Any] = {"persona": persona, "form": form}
    # Alone, that part says what is wrong; on the page the fields say it.
    context["is_piece"] = is_piece(request)
    chosen = form.cleaned_data["version"] if form.is_valid() else None
    if chosen is not None:
        context["chosen"] = chosen
        is_draft = isinstance(chosen, PersonaDraft)
        context["problems"] = problems_of(chosen) if is_draft else []
        context["preview"] = previews.preview(
            of_choice(chosen),
            viewer=request.user,
            post=form.cleaned_data["post"],
            sample=SAMPLE_TEXT,
        )
    template = "studio/persona_preview.html" + ("#prompt" if is_piece(request) else "")
    status = 422 if form.errors else 200
    return vary_on_piece(render(request, template, context, status=status))


@member_required
def persona_try(request: MemberRequest, persona_slug: str) -> HttpResponse:
    """The choice of what to try, then what it would cost, then the try itself.

    `?step=costs` and `?step=change` show what was sent last, so that Back leads there.
    """
    persona = shaped_persona(request, persona_slug)
    step = request.GET.get("step") if request.method == "GET" else None
    kept = _kept(request, persona) if step else None
    form = TrialForm(
        sent(request) or kept,
        persona=persona,
        viewer=request.user,
        initial=_initial(request, persona),
    )
    context: dict[str, Any] = {"persona": persona, "form": form}
    if form.is_valid():
        if "confirm" in request.POST and (trial := _begin(request, form)):
            return redirect(trial)
        if request.method == "POST" and not form.errors:
            _keep(request, persona, form)
            step = "change" if "change" in request.POST else "costs"
            return redirect(f"{request.path}?step={step}")
        if step == "costs":
            return render(
                request, "studio/trial_confirm.html", _estimated(request, context)
            )
    earlier = Trial.objects.filter(persona=persona).with_tested().order_by("-pk")
    context["earlier"] = earlier[:_MOST_EARLIER]
    status = 422 if form.errors else 200
    return render(request, "studio/persona_try.html", context, status=status)


def _keep(request: MemberRequest, persona: Persona, form: TrialForm) -> None:
    """Keep what a valid form says, for the next pages; an address may be too short for it.

    The token is a new one: what is confirmed from the next page counts by itself.
    """
    chosen = QueryDict(mutable=True)
    for name in form.fields:  # and nothing else that was sent
        value = form[name].data
        chosen.setlist(name, value if isinstance(value, list) else [value or ""])
    chosen["sample"] = form.cleaned_data["sample"]
    chosen["key"] = uuid.uuid4().hex
    request.session[_KEPT] = {"persona": persona.pk, "chosen": chosen.urlencode()}


def _kept(request: MemberRequest, persona: Persona) -> QueryDict | None:
    kept = request.session.get(_KEPT)
    if kept is None or kept["persona"] != persona.pk:
        return None
    return QueryDict(kept["chosen"])


def _initial(request: MemberRequest, persona: Persona) -> dict[str, Any]:
    """What an address chooses beforehand: `version` and `post`, or all of a try, `again`."""
    try:
        wanted = uuid.UUID(request.GET.get("again", ""))
    except ValueError:
        return {name: request.GET.get(name, "") for name in ("version", "post")}
    visible = Trial.objects.visible_to(request.user).filter(persona=persona)
    trial = get_object_or_404(visible.with_tested(), public_id=wanted)
    return {
        "version": str(trial.version.number) if trial.version else DRAFT_CHOICE,
        "post": trial.post_id or "",
        "sample": trial.sample or SAMPLE_TEXT,
        "configs": list(
            trial.runs.in_order().values_list("request__config", flat=True)
        ),
    }


def _begin(request: MemberRequest, form: TrialForm) -> Trial | None:
    values = form.cleaned_data
    try:
        rates.take(request, asks=request.user.pk)
        return trials.begin_trial(
            tester=request.user,
            chosen=values["version"],
            configs=values["configs"],
            post=values["post"],
            sample=values["sample"],
            submission=values["key"],
        )
    except ForllmError as error:
        form.add_error(None, error.message)
        return None


def _estimated(request: MemberRequest, context: dict[str, Any]) -> dict[str, Any]:
    """`context` with what the try that its form describes would use."""
    values = context["form"].cleaned_data
    on_trial = of_choice(values["version"])
    estimates = [
        previews.estimate(
            on_trial,
            viewer=request.user,
            post=values["post"],
            sample=values["sample"],
            config=config,
        )
        for config in values["configs"]
    ]
    return context | {"chosen": values["version"], "estimates": estimates}
