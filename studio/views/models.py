"""Settings > Models: what answers a member, and why; and the same for one persona."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, member_required, sent
from core.errors import NotAllowed
from core.paging import page_of
from core.pieces import is_piece, vary_on_piece
from llmconfig.models import LLMConfig, ProviderPreference
from llmconfig.services import members
from llmqueue.handlers import Inputs
from llmqueue.pages.hierarchy import Hierarchy, hierarchy_of
from llmqueue.pages.outlook import who_would_answer
from personas.access import Rights, rights_of, visible_persona
from personas.models import Persona, UserPersonaSettings, Visibility
from personas.services import defaults, own
from studio.forms.models import (
    ConfigForm,
    PreferenceForm,
    RemovalForm,
    own_configs,
)

PAGE_SIZE = 30


@member_required
def models_edit(request: MemberRequest) -> HttpResponse:
    """What answers the member, and their default."""
    form = _default_form(request, sent(request))
    if form.is_valid():
        config = form.cleaned_data["config"]
        members.set_default_model(member=request.user, config=config)
        messages.success(request, _said_of_default(request, config))
        return redirect("studio:models_edit")
    return _models(request, form, PreferenceForm(member=request.user))


def _default_form(request: MemberRequest, data: QueryDict | None) -> ConfigForm:
    return ConfigForm(
        data,
        configs=own_configs(request.user),
        label="Your default",
        none="None: what the persona, the subforum or the site has",
        chosen=members.ai_settings_of(request.user).default_config_id,
    )


def _said_of_default(request: MemberRequest, config: LLMConfig | None) -> str:
    if config is None:
        return f"You have no default any more. {_now(request)}"
    return f"{config} ({config.model}) is your default. {_now(request)}"


def _now(request: MemberRequest) -> str:
    """What answers where nothing nearer is chosen, and why."""
    return f"Now {hierarchy_of(Inputs(member=request.user)).outcome}"


def _models(
    request: MemberRequest, form: ConfigForm, preference_form: PreferenceForm
) -> HttpResponse:
    settings = members.ai_settings_of(request.user)
    rows = UserPersonaSettings.objects.of_models(request.user)
    page = page_of(rows, request.GET, by="persona__name", size=PAGE_SIZE)
    asked = [Inputs(member=request.user, persona=row.persona) for row in page.rows]
    context: dict[str, Any] = {
        "form": form,
        "preference_form": preference_form,
        "is_ai_on": settings.ai_enabled,
        "resolved": hierarchy_of(Inputs(member=request.user)),
        "page": page,
        "rows": zip(page.rows, who_would_answer(asked), strict=True),
        "preferences": ProviderPreference.objects.of(request.user),
    }
    status = 422 if form.errors or preference_form.errors else 200
    return render(request, "studio/models_edit.html", context, status=status)


@require_POST
@member_required
def ai_switch(request: MemberRequest) -> HttpResponse:
    """Switch to what the button said, so that a second press changes nothing."""
    is_on = request.POST.get("enable") == "yes"
    members.switch_ai(member=request.user, is_on=is_on)
    said = "AI is on for you." if is_on else "AI is off for you: you ask no persona."
    messages.success(request, said)
    return redirect("studio:models_edit")


@require_POST
@member_required
def preference_set(request: MemberRequest) -> HttpResponse:
    form = PreferenceForm(request.POST, member=request.user)
    if not form.is_valid():
        return _models(request, _default_form(request, None), form)
    row, before = members.prefer_model(member=request.user, **form.cleaned_data)
    instead = f" It takes the place of {before}." if before else ""
    messages.success(request, f"At {row.endpoint} you prefer {row.model} now.{instead}")
    return redirect("studio:models_edit")


@require_POST
@member_required
def preference_remove(request: MemberRequest) -> HttpResponse:
    """Forget one provider's model, or with no provider all of them."""
    form = RemovalForm(request.POST)
    if not form.is_valid():
        raise Http404
    endpoint = form.cleaned_data["endpoint"]
    count = members.forget_preferences(member=request.user, endpoint=endpoint)
    # Not the name of one that they have never seen.
    known = f"at {endpoint}" if count else "there"
    where = known if endpoint else "at any provider"
    messages.success(request, f"You prefer no model {where} any more.")
    return redirect("studio:models_edit")


@member_required
def persona_model(request: MemberRequest, persona_slug: str) -> HttpResponse:
    """Which model answers the member as this persona; their own is set and reset here."""
    persona = visible_persona(request, persona_slug)
    rights = rights_of(request.user, persona)
    form = None
    if rights.can_use:
        form = _own_form(request, persona, sent(request))
        if "reset" in request.POST:
            return _set_own(request, persona, None)
        if form.is_valid():
            return _set_own(request, persona, form.cleaned_data["config"])
    elif request.method == "POST":
        raise Http404
    return _persona_page(request, persona, rights, form, default_form=None)


def _set_own(
    request: MemberRequest, persona: Persona, config: LLMConfig | None
) -> HttpResponse:
    own.set_own_model(persona=persona, user=request.user, config=config)
    found = _resolved(request, persona)
    if config is None:
        said = f"{persona.name} has no model of yours any more. Now {found.outcome}"
    else:
        said = f"{persona.name} is to answer you with {config} ({config.model})."
        if not found.is_won_by(config.name):
            said += f" But as things stand {found.outcome}"
    messages.success(request, said)
    return redirect("studio:persona_model", persona.slug)


def _own_form(
    request: MemberRequest, persona: Persona, data: QueryDict | None
) -> ConfigForm:
    return ConfigForm(
        data,
        configs=own_configs(request.user),
        label="My model",
        none="None of mine: what fits",
        chosen=own.own_settings(persona=persona, user=request.user).config_id,
    )


@require_POST
@member_required
def persona_default_model(request: MemberRequest, persona_slug: str) -> HttpResponse:
    """The persona's own model: for its managers and for staff."""
    persona = visible_persona(request, persona_slug)
    rights = rights_of(request.user, persona)
    form = _default_of(request, persona, rights, request.POST)
    if form is None:
        raise Http404
    if form.is_valid():
        config = form.cleaned_data["config"]
        try:
            defaults.set_default_model(
                persona=persona, config=config, actor=request.user
            )
        except NotAllowed as error:
            form.add_error("config", error.message)
        else:
            what = f"{config} ({config.model})" if config else "whatever model fits"
            messages.success(request, f"{persona.name} answers with {what} now.")
            return redirect("studio:persona_model", persona.slug)
    own_form = _own_form(request, persona, None) if rights.can_use else None
    return _persona_page(request, persona, rights, own_form, default_form=form)


def _default_of(
    request: MemberRequest,
    persona: Persona,
    rights: Rights,
    data: QueryDict | None,
) -> ConfigForm | None:
    """The form of the persona's own model; None for who may not change it."""
    if not (rights.can_manage or request.user.is_staff):
        return None
    is_owner = request.user.pk in persona.owner_ids
    is_private = persona.visibility == Visibility.PRIVATE
    of_site = LLMConfig.objects.of_site()
    configs = own_configs(request.user) if is_owner and is_private else of_site
    return ConfigForm(
        data,
        configs=configs,
        label=f"{persona.name}'s own model",
        none="None: what the subforum or the site has",
        chosen=persona.default_config_id,
        prefix="default",
    )


def _resolved(request: MemberRequest, persona: Persona) -> Hierarchy:
    return hierarchy_of(Inputs(member=request.user, persona=persona))


def _persona_page(
    request: MemberRequest,
    persona: Persona,
    rights: Rights,
    form: ConfigForm | None,
    *,
    default_form: ConfigForm | None,
) -> HttpResponse:
    context: dict[str, Any] = {"persona": persona, "rights": rights, "form": form}
    if form is not None:
        context["resolved"] = _resolved(request, persona)
        context["has_own"] = form.initial["config"] is not None
    forms = [form, default_form or _default_of(request, persona, rights, None)]
    context["default_form"] = forms[1]
    if not any(forms):
        raise Http404
    status = 422 if any(it.errors for it in forms if it is not None) else 200
    template = "studio/persona_model.html" + ("#mine" if is_piece(request) else "")
    return vary_on_piece(render(request, template, context, status=status))
