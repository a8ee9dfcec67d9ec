"""Settings > Endpoints: the provider accounts that the site can call. Staff only."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, sent, staff_required
from core.errors import AddressDenied, ForllmError, SecretUnreadable
from llmconfig import services
from llmconfig.errors import (
    ChangedMeanwhile,
    EndpointInUse,
    EndpointOff,
    TrialFailed,
)
from llmconfig.forms import ConnectForm, EndpointForm
from llmconfig.models import Endpoint, LLMConfig


@staff_required
def endpoint_list(request: MemberRequest) -> HttpResponse:
    endpoints = Endpoint.objects.with_site_configs()
    context = {
        "rows": [(row, services.describe_key(endpoint=row)) for row in endpoints],
        "default": LLMConfig.objects.default(),
        "any_on": any(row.is_enabled for row in endpoints),
    }
    return render(request, "llmconfig/endpoint_list.html", context)


@sensitive_post_parameters("key")
@staff_required
def endpoint_create(request: MemberRequest) -> HttpResponse:
    """Connect a model: try it, save it, say what the trial showed."""
    form = ConnectForm(sent(request))
    if form.is_valid():
        data = form.cleaned_data
        try:
            endpoint, result = services.connect_endpoint(
                provider=data["provider"],
                api_base=data["address"],
                key=data["key"],
                model=data["model"],
                is_default=data["is_default"],
                is_tried=data["is_tried"],
                actor=request.user,
            )
        except (AddressDenied, ChangedMeanwhile, TrialFailed) as error:
            form.add_error(_field_of(error), error.message)
        else:
            state = "connected" if data["is_tried"] else "saved"
            default = LLMConfig.objects.default()
            if default and default.endpoint_id == endpoint.pk:
                result += " Personas without a model of their own answer with it now."
            elif default and not data["is_default"]:
                result += f" {default} stays the default."
            messages.success(request, f"{endpoint} is {state}. {result}")
            return redirect("llmconfig:endpoint_list")
    context = {"form": form}
    status = 422 if form.errors else 200
    return render(request, "llmconfig/endpoint_create.html", context, status=status)


def _field_of(error: ForllmError) -> str | None:
    """The field that a failed trial speaks about; None: the whole of the form."""
    if isinstance(error, ChangedMeanwhile):
        return None
    if isinstance(error, SecretUnreadable):
        return "key"
    fields = {"key_refused": "key", "no_model": "model"}
    kind = error.kind if isinstance(error, TrialFailed) else ""
    return fields.get(kind, "address")


@sensitive_post_parameters("key")
@staff_required
def endpoint_edit(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Change an endpoint: try what is new of it, save it, say what the trial showed."""
    endpoint = get_object_or_404(Endpoint, pk=endpoint_id)
    form = EndpointForm(sent(request), endpoint=endpoint)
    if form.is_valid():
        try:
            endpoint, result = services.change_endpoint(
                endpoint=endpoint, actor=request.user, **form.changes
            )
        except (
            AddressDenied,
            ChangedMeanwhile,
            SecretUnreadable,
            TrialFailed,
        ) as error:
            form.add_error(_field_of(error), error.message)
        else:
            about_key = services.describe_key(endpoint=endpoint)
            told = {"none": "It has no key.", "set": "Its key is set."}
            key = told.get(about_key, f"Its key {about_key}.")
            said = f"The changes to {endpoint} are saved. {key} {result}"
            messages.success(request, said.strip())
            return redirect("llmconfig:endpoint_list")
    context = {"form": form, "endpoint": endpoint}
    status = 422 if form.errors else 200
    return render(request, "llmconfig/endpoint_edit.html", context, status=status)


@require_POST
@staff_required
def endpoint_try(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    endpoint = get_object_or_404(Endpoint, pk=endpoint_id)
    off = (
        "" if endpoint.is_enabled else " It is switched off, so no model of it answers."
    )
    try:
        result = services.retry_trial(endpoint=endpoint)
    except (AddressDenied, SecretUnreadable, TrialFailed) as error:
        messages.error(request, f"{endpoint}: {error.message}{off}")
    else:
        messages.success(request, f"{endpoint}: {result}{off}")
    return redirect("llmconfig:endpoint_list")


@require_POST
@staff_required
def endpoint_toggle(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Switch to what the button said, so that a second press changes nothing."""
    endpoint = get_object_or_404(Endpoint, pk=endpoint_id)
    is_enabled = request.POST.get("enable") == "yes"
    services.switch_endpoint(
        endpoint=endpoint, is_enabled=is_enabled, actor=request.user
    )
    state = "on" if is_enabled else "off"
    messages.success(request, f"{endpoint} is {state}.")
    return redirect("llmconfig:endpoint_list")


@staff_required
def endpoint_delete(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Say what needs the endpoint; delete it if nothing does. 409: something does."""
    endpoint = Endpoint.objects.with_site_configs().filter(pk=endpoint_id).first()
    if endpoint is None and request.method == "POST":  # the button was pressed twice
        return redirect("llmconfig:endpoint_list")
    if endpoint is None:
        raise Http404
    if request.method == "POST":
        try:
            services.delete_endpoint(endpoint=endpoint, actor=request.user)
        except EndpointInUse as error:
            reasons, status = error.uses, 409
        else:
            messages.success(request, f"{endpoint} is deleted.")
            return redirect("llmconfig:endpoint_list")
    else:
        reasons, status = services.reasons_to_keep(endpoint=endpoint), 200
    context = {"endpoint": endpoint, "reasons": reasons}
    return render(request, "llmconfig/endpoint_delete.html", context, status=status)


@require_POST
@staff_required
def config_make_default(request: MemberRequest, config_id: UUID) -> HttpResponse:
    configs = LLMConfig.objects.of_site().select_related("endpoint")
    config = get_object_or_404(configs, pk=config_id)
    try:
        services.set_default_config(config=config, actor=request.user)
    except (ChangedMeanwhile, EndpointOff) as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"{config} is the site's default now.")
    return redirect("llmconfig:endpoint_list")
