"""Settings > Endpoints: the provider accounts that the site can call. Staff only."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, staff_required
from core.errors import AddressDenied, SecretUnreadable
from llmconfig import services
from llmconfig.errors import TrialFailed
from llmconfig.forms import ConnectForm, EndpointForm
from llmconfig.models import Endpoint


@staff_required
def endpoint_list(request: MemberRequest) -> HttpResponse:
    endpoints = Endpoint.objects.order_by("position", "pk")
    context = {
        "rows": [(row, services.describe_key(endpoint=row)) for row in endpoints],
        "default": services.default_config(),
    }
    return render(request, "llmconfig/endpoint_list.html", context)


@sensitive_post_parameters("key")
@staff_required
def endpoint_create(request: MemberRequest) -> HttpResponse:
    """Connect a model: try it, save it, say what the trial showed."""
    form = ConnectForm(request.POST or None)
    if form.is_valid():
        data = form.cleaned_data
        try:
            endpoint, result = services.connect_endpoint(
                provider=data["provider"],
                api_base=data["address"],
                key=data["key"],
                model=data["model"],
                is_default=data["is_default"],
                is_tried=not data["is_untried"],
            )
        except (AddressDenied, TrialFailed) as error:
            form.add_error(_field_of(error), error.message)
        else:
            messages.success(request, f"{endpoint.name} is connected. {result}")
            return redirect("llmconfig:endpoint_list")
    context = {"form": form}
    status = 422 if form.errors else 200
    return render(request, "llmconfig/endpoint_create.html", context, status=status)


def _field_of(error: AddressDenied | TrialFailed) -> str:
    """The field that a failed trial speaks about."""
    fields = {"key_refused": "key", "no_model": "model"}
    kind = error.kind if isinstance(error, TrialFailed) else ""
    return fields.get(kind, "address")


@sensitive_post_parameters("key")
@staff_required
def endpoint_edit(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    endpoint = get_object_or_404(Endpoint, pk=endpoint_id)
    form = EndpointForm(request.POST or None, endpoint=endpoint)
    if form.is_valid():
        services.change_endpoint(
            endpoint=endpoint,
            api_base=form.cleaned_data["address"],
            key=form.cleaned_data["key"],
        )
        about_key = services.describe_key(endpoint=endpoint)
        messages.success(request, f"{endpoint.name} is saved. Its key: {about_key}.")
        return redirect("llmconfig:endpoint_list")
    context = {"form": form, "endpoint": endpoint}
    status = 422 if form.errors else 200
    return render(request, "llmconfig/endpoint_edit.html", context, status=status)


@require_POST
@staff_required
def endpoint_test(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    endpoint = get_object_or_404(Endpoint, pk=endpoint_id)
    try:
        result = services.test_endpoint(endpoint=endpoint)
    except (AddressDenied, SecretUnreadable, TrialFailed) as error:
        messages.error(request, f"{endpoint.name}: {error.message}")
    else:
        messages.success(request, f"{endpoint.name}: {result}")
    return redirect("llmconfig:endpoint_list")


@require_POST
@staff_required
def endpoint_toggle(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Switch to what the button said, so that a second press changes nothing."""
    endpoint = get_object_or_404(Endpoint, pk=endpoint_id)
    is_enabled = request.POST.get("enable") == "yes"
    services.switch_endpoint(endpoint=endpoint, is_enabled=is_enabled)
    state = "on" if is_enabled else "off"
    messages.success(request, f"{endpoint.name} is {state}.")
    return redirect("llmconfig:endpoint_list")
