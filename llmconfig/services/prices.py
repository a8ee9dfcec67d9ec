"""What a model costs here: by what staff entered, else by LiteLLM's table."""

from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet, Value
from django.db.models.functions import Lower

from accounts.models import User
from accounts.services import record
from llmconfig.models import Endpoint, LLMConfig, ModelPrice
from llmconfig.prices import Price, listed_price

_MILLION = 1_000_000


@dataclass(frozen=True)
class PricedModel:
    """A model of an endpoint, and its price in words, as entered and by LiteLLM's table.

    Blank: nothing was entered, or the table does not know it.
    """

    model: str
    entered: ModelPrice | None
    entered_text: str
    listed_text: str


def price_of(*, endpoint: Endpoint, model: str) -> Price | None:
    """What a token of `model` costs at `endpoint`; None: not known, which is not free."""
    entered = entered_price(endpoint=endpoint, model=model)
    return entered or listed_price(prices=endpoint.kind.prices, model=model)


def entered_price(*, endpoint: Endpoint, model: str) -> Price | None:
    """What staff say a token costs; None when they say nothing."""
    entered = _entered(endpoint, model).first()
    return entered.price if entered else None


def priced_models(*, endpoint: Endpoint) -> list[PricedModel]:
    """The models that have a price or are used by the site, by name."""
    entered = {it.model.lower(): it for it in endpoint.entered_prices.all()}
    configs = LLMConfig.objects.of_site().filter(endpoint=endpoint)
    names = [endpoint.default_model, *configs.values_list("model", flat=True)]
    models = {name.lower(): name for name in names if name}
    models |= {lower: it.model for lower, it in entered.items()}
    return [
        PricedModel(
            model=name,
            entered=entered.get(lower),
            entered_text=_in_words(entered.get(lower)),
            listed_text=_listed(endpoint, name),
        )
        for lower, name in sorted(models.items())
    ]


@transaction.atomic
def enter_price(
    *,
    endpoint: Endpoint,
    model: str,
    in_usd: Decimal,
    out_usd: Decimal,
    actor: User | None,
) -> ModelPrice:
    """Say what a million tokens of `model` cost, from the next call on; 0 is free.

    It takes the place of what was said before, however the name is capitalised.
    """
    # The lock lets two who enter the first price for a model go one after the other.
    Endpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    old = _entered(endpoint, model).first()
    entered = old or ModelPrice(endpoint=endpoint, model=model)
    before = _in_words(old)
    entered.in_usd, entered.out_usd, entered.set_by = in_usd, out_usd, actor
    entered.save()
    if before != _in_words(entered):
        _record("entered" if old is None else "changed", entered, before, actor)
    return entered


@transaction.atomic
def remove_price(*, price: ModelPrice, actor: User | None) -> None:
    """Say nothing any more: LiteLLM's table decides again. Does nothing a second time."""
    found = ModelPrice.objects.select_for_update().filter(pk=price.pk).first()
    if found is not None:
        found.delete()
        _record("removed", price, _in_words(found), actor)


def _entered(endpoint: Endpoint, model: str) -> QuerySet[ModelPrice]:
    # As the constraint tells names apart, not by `iexact`: `K` for kelvin is no `k` in
    # upper case, and is one in lower case.
    known = ModelPrice.objects.alias(lowered=Lower("model"))
    return known.filter(endpoint=endpoint, lowered=Lower(Value(model)))


def _listed(endpoint: Endpoint, model: str) -> str:
    price = listed_price(prices=endpoint.kind.prices, model=model)
    if price is None:
        return ""
    return f"in ${_plain(price.in_usd * _MILLION)}, out ${_plain(price.out_usd * _MILLION)}"


def _in_words(price: ModelPrice | None) -> str:
    """Both prices for a page and the record; blank for none."""
    if price is None:
        return ""
    return f"in ${_plain(price.in_usd)}, out ${_plain(price.out_usd)}"


def _plain(usd: Decimal) -> str:
    """Without zeros at its end."""
    return f"{Decimal(usd).normalize():f}"


def _record(what: str, price: ModelPrice, before: str, actor: User | None) -> None:
    record(
        actor=actor,
        action=f"modelprice {what}",
        subject=("endpoint", price.endpoint_id),
        name=price.endpoint.name,
        model=price.model,
        before=before,
        after="" if what == "removed" else _in_words(price),
    )
