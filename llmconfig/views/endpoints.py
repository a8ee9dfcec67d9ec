"""Settings > Endpoints: the provider accounts that the site can call. Staff only."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect

from accounts.access import MemberRequest, sent, staff_required
from core.errors import AddressDenied, EncryptionOff, ForllmError, SecretUnreadable
from llmconfig.errors import (
    ChangedMeanwhile,
    EndpointInUse,
    EndpointOff,
    TrialFailed,
)
from llmconfig.forms.endpoints import ConnectForm, EndpointForm
from llmconfig.models import (
    Endpoint,
    LLMConfig,
    Redirect,
    endpoints_with_site_configs,
)
from llmconfig.services import configs, endpoints, keys, listed
from llmconfig.trial import read_models


@staff_required
def endpoint_list(request: MemberRequest) -> HttpResponse:
    # The page tells how the queue fares with each; its rows point to ours by these names.
    rows = endpoints_with_site_configs().select_related("lane", "simulated_failure")
    context = {
        "rows": [
            (row, keys.describe_key(endpoint=row), _configs_of(row)) for row in rows
        ],
        "default": LLMConfig.objects.default(),
        "any_on": any(row.is_enabled for row in rows),
        "redirects": Redirect.objects.active().with_targets(),
    }
    return render(request, "llmconfig/endpoint_list.html", context)


def _configs_of(endpoint: Endpoint) -> list[tuple[LLMConfig, bool]]:
    """The site's configs on `endpoint`, and whether no list names their model."""
    found = endpoint.configs  # type: ignore[attr-defined]  # a prefetch puts it there
    return [(config, endpoint.is_unverified(config.model)) for config in found]


@sensitive_post_parameters("key")
@staff_required
def endpoint_create(request: MemberRequest) -> HttpResponse:
    """Connect a model: try it, save it, say what the trial showed.

    The button beside the model's name sends the form too, for a look at the list.
    """
    form = ConnectForm(sent(request))
    if "ask_models" in request.POST:
        return _show_models(request, form)
    models: list[str] | None = None
    if form.is_valid():
        data = form.cleaned_data
        try:
            endpoint, result = endpoints.connect_endpoint(
                provider=data["provider"],
                api_base=data["address"],
                key=data["key"],
                model=data["model"],
                is_default=data["is_default"],
                is_tried=data["is_tried"],
                actor=request.user,
            )
        except (AddressDenied, ChangedMeanwhile, EncryptionOff, TrialFailed) as error:
            form.add_error(_field_of(error), error.message)
            models = error.models if isinstance(error, TrialFailed) else None
        else:
            messages.success(request, _said_of_new(endpoint, result, data))
            return _go_to_list(request)
    context = {"form": form, "models": models}
    template = "llmconfig/endpoint_create.html" + ("#connect" if request.htmx else "")
    return render(request, template, context, status=422 if form.errors else 200)


def _said_of_new(endpoint: Endpoint, result: str, data: dict[str, Any]) -> str:
    """What was saved, what its trial showed, and whether it answers by default."""
    state = "connected" if data["is_tried"] else "saved"
    default = LLMConfig.objects.default()
    if default and default.endpoint_id == endpoint.pk:
        result += " Personas without a model of their own answer with it now."
    elif default and not data["is_default"]:
        result += f" {default} stays the default."
    return f"{endpoint} is {state}. {result}"


def _show_models(request: MemberRequest, form: ConnectForm) -> HttpResponse:
    """The form as it was sent, with the provider's models; htmx gets those alone."""
    form.fields["model"].required = False
    models: list[str] | None = None
    if (service := form.service) is not None:
        try:
            models = read_models(**service)
        except (AddressDenied, TrialFailed) as error:
            form.add_error(_field_of(error), error.message)
    context = {"form": form, "models": models, "was_asked": True}
    template = "llmconfig/endpoint_create.html" + ("#models" if request.htmx else "")
    return render(request, template, context, status=422 if form.errors else 200)


def _go_to_list(request: MemberRequest) -> HttpResponse:
    if request.htmx:
        return HttpResponseClientRedirect(reverse("llmconfig:endpoint_list"))
    return redirect("llmconfig:endpoint_list")


# What else fails says nothing of one field: the provider is busy, or does not stream.
_FIELDS = {
    "bad_request": "model",
    "key_refused": "key",
    "malformed": "address",
    "no_model": "model",
    "unreachable": "address",
}


def _field_of(error: ForllmError) -> str | None:
    """The field that a failed trial speaks about; None: the whole of the form."""
    if isinstance(error, TrialFailed):
        return _FIELDS.get(error.kind)
    if isinstance(error, EncryptionOff | SecretUnreadable):
        return "key"
    return "address" if isinstance(error, AddressDenied) else None


@sensitive_post_parameters("key")
@staff_required
def endpoint_edit(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Change an endpoint: try what is new of it, save it, say what the trial showed."""
    endpoint = get_object_or_404(Endpoint, pk=endpoint_id)
    form = EndpointForm(sent(request), endpoint=endpoint)
    if form.is_valid():
        try:
            endpoint, result = endpoints.change_endpoint(
                endpoint=endpoint, actor=request.user, **form.changes
            )
        except (
            AddressDenied,
            ChangedMeanwhile,
            EncryptionOff,
            SecretUnreadable,
            TrialFailed,
        ) as error:
            form.add_error(_field_of(error), error.message)
        else:
            messages.success(request, _said_of_changed(endpoint, result))
            return _go_to_list(request)
    context = {
        "form": form,
        "endpoint": endpoint,
        "models": endpoint.listed_models,
        "is_unverified": endpoint.is_unverified(endpoint.default_model),
    }
    template = "llmconfig/endpoint_edit.html" + ("#change" if request.htmx else "")
    return render(request, template, context, status=422 if form.errors else 200)


def _said_of_changed(endpoint: Endpoint, result: str) -> str:
    about_key = keys.describe_key(endpoint=endpoint)
    told = {"none": "It has no key.", "set": "Its key is set."}
    key = told.get(about_key, f"Its key {about_key}.")
    return f"The changes to {endpoint} are saved. {key} {result}".strip()


@require_POST
@staff_required
def endpoint_ask_models(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Ask the provider for its models, for the endpoint's form to offer."""
    endpoint = get_object_or_404(Endpoint, pk=endpoint_id)
    try:
        models = listed.refresh_models(endpoint=endpoint)
    except (AddressDenied, SecretUnreadable, TrialFailed) as error:
        messages.error(request, f"{endpoint}: {error.message}")
    else:
        messages.success(request, f"{endpoint}: {_count(models)}")
    return redirect("llmconfig:endpoint_edit", endpoint.pk)


def _count(models: list[str]) -> str:
    if not models:
        return "It has no list of models. Type the name as the provider writes it."
    return f"It lists {len(models)} model{'s' * (len(models) != 1)}."


@require_POST
@staff_required
def endpoint_try(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    endpoint = get_object_or_404(Endpoint, pk=endpoint_id)
    about = _not_asked(endpoint)
    try:
        result = endpoints.retry_trial(endpoint=endpoint)
    except (AddressDenied, SecretUnreadable, TrialFailed) as error:
        messages.error(request, f"{endpoint}: {error.message}{about}")
    else:
        messages.success(request, f"{endpoint}: {result}{about}")
    return redirect("llmconfig:endpoint_list")


def _not_asked(endpoint: Endpoint) -> str:
    """Why requests do not reach what a test has just reached; blank if they do."""
    if not endpoint.is_enabled:
        return " It is switched off, so no model of it answers."
    redirects = Redirect.objects.active().leading_from(endpoint, endpoint.default_model)
    if (found := redirects.select_related("to").first()) is None:
        return ""
    return f" A test asks it past the redirect: requests are answered by {found.to}."


@require_POST
@staff_required
def endpoint_toggle(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Switch to what the button said, so that a second press changes nothing."""
    endpoint = get_object_or_404(Endpoint, pk=endpoint_id)
    is_enabled = request.POST.get("enable") == "yes"
    endpoints.switch_endpoint(
        endpoint=endpoint, is_enabled=is_enabled, actor=request.user
    )
    state = "on" if is_enabled else "off"
    messages.success(request, f"{endpoint} is {state}.")
    return redirect("llmconfig:endpoint_list")


@staff_required
def endpoint_delete(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Say what needs the endpoint; delete it if nothing does. 409: something does."""
    endpoint = endpoints_with_site_configs().filter(pk=endpoint_id).first()
    if endpoint is None and request.method == "POST":  # the button was pressed twice
        return redirect("llmconfig:endpoint_list")
    if endpoint is None:
        raise Http404
    if request.method == "POST":
        try:
            endpoints.delete_endpoint(endpoint=endpoint, actor=request.user)
        except EndpointInUse as error:
            reasons, status = error.uses, 409
        else:
            messages.success(request, f"{endpoint} is deleted.")
            return redirect("llmconfig:endpoint_list")
    else:
        reasons, status = endpoints.reasons_to_keep(endpoint=endpoint), 200
    context = {"endpoint": endpoint, "reasons": reasons}
    return render(request, "llmconfig/endpoint_delete.html", context, status=status)


@require_POST
@staff_required
def config_make_default(request: MemberRequest, config_id: UUID) -> HttpResponse:
    offered = LLMConfig.objects.of_site().select_related("endpoint")
    config = get_object_or_404(offered, pk=config_id)
    try:
        configs.set_default_config(config=config, actor=request.user)
    except (ChangedMeanwhile, EndpointOff) as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"{config} is the site's default now.")
    return redirect("llmconfig:endpoint_list")
