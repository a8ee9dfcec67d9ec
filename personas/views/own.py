"""What a persona is to one member: settings, other names. "For you" among its tabs."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, member_required, sent
from personas.errors import AliasRefused, DefinitionRefused, OwnPromptNotAllowed
from personas.forms.own import AliasForm, OwnForm
from personas.models import Persona, PersonaAlias
from personas.services import aliases
from personas.services import own as services


@member_required
def persona_yours(request: MemberRequest, persona_slug: str) -> HttpResponse:
    persona = _find(request, persona_slug)
    own = services.own_settings(persona=persona, user=request.user)
    form = OwnForm(sent(request), own=own)
    if form.is_valid():
        try:
            services.change_own_settings(
                persona=persona, user=request.user, **form.cleaned_data
            )
        except (DefinitionRefused, OwnPromptNotAllowed) as error:
            form.add_error("own_prompt", error.message)
        else:
            messages.success(request, f"Saved for you and {persona.name}.")
            return redirect("personas:persona_yours", persona.slug)
    return _page(request, persona, form, AliasForm(member=request.user))


@require_POST
@member_required
def alias_create(request: MemberRequest, persona_slug: str) -> HttpResponse:
    persona = _find(request, persona_slug)
    form = AliasForm(request.POST, member=request.user)
    if form.is_valid():
        try:
            alias = aliases.add_alias(
                persona=persona, actor=request.user, **form.cleaned_data
            )
        except AliasRefused as error:
            form.add_error("name", error.message)
        else:
            messages.success(request, f"{persona.name} is called {alias} as well.")
            return redirect("personas:persona_yours", persona.slug)
    own = services.own_settings(persona=persona, user=request.user)
    return _page(request, persona, OwnForm(own=own), form)


@member_required
def alias_list(request: MemberRequest) -> HttpResponse:
    """The member's own aliases and the site's, for personas they may ask."""
    own = PersonaAlias.objects.in_scope(request.user).with_personas()
    of_site = PersonaAlias.objects.in_scope(None).known_to(request.user)
    usable = Persona.objects.usable_by(request.user)
    context = {
        "own": own,
        "usable": set(usable.filter(aliases__in=own).values_list("pk", flat=True)),
        "of_site": of_site.with_personas(),
    }
    return render(request, "personas/alias_list.html", context)


@require_POST
@member_required
def alias_delete(request: MemberRequest, alias_id: int) -> HttpResponse:
    """Own ones, and for staff the site's; back to the page the button stood on."""
    removable = PersonaAlias.objects.removable_by(request.user)
    alias = get_object_or_404(removable.select_related("persona"), pk=alias_id)
    aliases.remove_alias(alias=alias, actor=request.user)
    messages.success(request, f"The alias {alias} is removed.")
    usable = Persona.objects.usable_by(request.user)
    if "at-persona" in request.POST and usable.filter(pk=alias.persona_id).exists():
        return redirect("personas:persona_yours", alias.persona.slug)
    return redirect("personas:alias_list")


def _find(request: MemberRequest, persona_slug: str) -> Persona:
    usable = Persona.objects.usable_by(request.user).with_versions()
    return get_object_or_404(usable, slug=persona_slug)


def _page(
    request: HttpRequest, persona: Persona, form: OwnForm, alias_form: AliasForm
) -> HttpResponse:
    known = PersonaAlias.objects.known_to(request.user).filter(persona=persona)
    context: dict[str, Any] = {
        "persona": persona,
        "form": form,
        "alias_form": alias_form,
        "aliases": known.own_first(),
    }
    status = 422 if form.errors or alias_form.errors else 200
    return render(request, "personas/persona_yours.html", context, status=status)
