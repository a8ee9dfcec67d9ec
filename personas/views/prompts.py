"""Settings > Prompts: the site's own, for personas told only their role. Staff only."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, sent, staff_required
from core.errors import ForllmError
from personas.errors import DefinitionRefused, SystemPromptNameTaken
from personas.forms.prompts import SystemPromptForm
from personas.models import SystemPrompt
from personas.services import prompts as services


@staff_required
def prompt_list(request: MemberRequest) -> HttpResponse:
    prompts = SystemPrompt.objects.order_by("name")
    return render(request, "personas/prompt_list.html", {"prompts": prompts})


@staff_required
def prompt_create(request: MemberRequest) -> HttpResponse:
    form = SystemPromptForm(sent(request))
    if form.is_valid():
        try:
            prompt = services.create_system_prompt(
                actor=request.user, **form.cleaned_data
            )
        except (DefinitionRefused, SystemPromptNameTaken) as error:
            form.add_error(_field_of(error), error.message)
        else:
            messages.success(request, f"{prompt} is saved.")
            return redirect("personas:prompt_list")
    status = 422 if form.errors else 200
    return render(request, "personas/prompt_create.html", {"form": form}, status=status)


@staff_required
def prompt_edit(request: MemberRequest, prompt_id: int) -> HttpResponse:
    prompt = get_object_or_404(SystemPrompt, pk=prompt_id)
    title = prompt.name
    form = SystemPromptForm(sent(request), initial=vars(prompt))
    if form.is_valid():
        try:
            services.change_system_prompt(
                prompt=prompt, actor=request.user, **form.cleaned_data
            )
        except (DefinitionRefused, SystemPromptNameTaken) as error:
            form.add_error(_field_of(error), error.message)
        else:
            messages.success(request, f"{prompt} is saved.")
            return redirect("personas:prompt_list")
    context = {"form": form, "prompt": prompt, "title": title}
    status = 422 if form.errors else 200
    return render(request, "personas/prompt_edit.html", context, status=status)


@staff_required
def prompt_delete(request: MemberRequest, prompt_id: int) -> HttpResponse:
    prompt = get_object_or_404(SystemPrompt, pk=prompt_id)
    if request.method == "POST":
        services.delete_system_prompt(prompt=prompt, actor=request.user)
        messages.success(request, f"{prompt} is deleted.")
        return redirect("personas:prompt_list")
    return render(request, "personas/prompt_delete.html", {"prompt": prompt})


@require_POST
@staff_required
def prompt_make_default(request: MemberRequest, prompt_id: int) -> HttpResponse:
    prompt = get_object_or_404(SystemPrompt, pk=prompt_id)
    services.make_default_prompt(prompt=prompt, actor=request.user)
    messages.success(request, f"{prompt} is the default now.")
    return redirect("personas:prompt_list")


def _field_of(error: ForllmError) -> str:
    return "name" if isinstance(error, SystemPromptNameTaken) else "text"
