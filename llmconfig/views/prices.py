"""An endpoint's prices: what its models cost, as staff know it. Staff only."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, sent, staff_required
from llmconfig.forms.prices import PriceForm
from llmconfig.models import Endpoint, ModelPrice
from llmconfig.services import prices


@staff_required
def price_list(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """The prices of an endpoint's models, and the form that enters one."""
    endpoint = get_object_or_404(Endpoint, pk=endpoint_id)
    form = PriceForm(sent(request), initial={"model": request.GET.get("model", "")})
    if form.is_valid():
        price = prices.enter_price(
            endpoint=endpoint, actor=request.user, **form.cleaned_data
        )
        messages.success(request, f"The price of {price.model} is saved.")
        return redirect("llmconfig:price_list", endpoint.pk)
    rows = prices.priced_models(endpoint=endpoint)
    context = {"endpoint": endpoint, "form": form, "rows": rows}
    status = 422 if form.errors else 200
    return render(request, "llmconfig/price_list.html", context, status=status)


@require_POST
@staff_required
def price_delete(
    request: MemberRequest, endpoint_id: int, price_id: int
) -> HttpResponse:
    """Pressed twice, it changes nothing more."""
    endpoint = get_object_or_404(Endpoint, pk=endpoint_id)
    price = ModelPrice.objects.filter(pk=price_id, endpoint=endpoint).first()
    if price is not None:
        prices.remove_price(price=price, actor=request.user)
        messages.success(request, f"The price of {price.model} is removed.")
    return redirect("llmconfig:price_list", endpoint.pk)
