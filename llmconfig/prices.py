"""What is known of a model without asking anybody: its price, and what it takes."""

import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

# In the place of LiteLLM's name: the site runs it on its own machine, for nothing.
FREE = "free"
_FILE = "model_prices_and_context_window_backup.json"


@dataclass(frozen=True)
class Price:
    """What one token costs on its way in, and on its way out."""

    in_usd: Decimal
    out_usd: Decimal

    @property
    def is_free(self) -> bool:
        return not (self.in_usd or self.out_usd)

    def of(self, tokens_in: int, tokens_out: int) -> Decimal:
        """What so many tokens cost."""
        return tokens_in * self.in_usd + tokens_out * self.out_usd


@dataclass(frozen=True)
class Listed:
    """What LiteLLM's table says of a model; `price` None: nothing.

    `is_without_sampling`: it refuses temperature, top-p and top-k. `default_effort`: how
    long it thinks where nobody says so, "none" for not at all; blank: not known.
    `thinks`: it can do so before it answers. `most_tokens_out`: what it can write; None:
    not known.
    """

    price: Price | None
    is_without_sampling: bool
    default_effort: str
    thinks: bool = False
    most_tokens_out: int | None = None


def listed_model(*, prices: str, model: str) -> Listed | None:
    """What is listed of `model` at a provider, by LiteLLM's name for it."""
    return _table().get((prices, model))


def listed_price(*, prices: str, model: str) -> Price | None:
    """The price of `model` at a provider, by LiteLLM's name for it; None: not known.

    What a model costs here tells `services.prices.price_of`. Discounts and surcharges,
    as for very long prompts, are left out: what a call has cost, its answer tells.
    """
    if prices == FREE:
        return Price(Decimal(0), Decimal(0))
    listed = listed_model(prices=prices, model=model)
    return listed.price if listed else None


@cache
def _table() -> dict[tuple[str, str], Listed]:
    """Models by provider and name, from the table that LiteLLM's package brings.

    Not by its import, which costs a second and 110 MB; reading the table takes 40 ms.
    """
    spec = cast(ModuleSpec, find_spec("litellm"))
    file = Path(cast(str, spec.origin)).with_name(_FILE)
    entries: dict[str, dict[str, Any]] = json.loads(file.read_text())
    found: dict[tuple[str, str], Listed] = {}
    # Names with their provider before them come last: LiteLLM looks for those first.
    for name in sorted(entries, key=lambda it: "/" in it):
        provider = entries[name].get("litellm_provider", "")
        key = (provider, name.removeprefix(f"{provider}/"))
        listed = _listed(entries[name])
        if listed.price is None and key in found:
            continue
        found[key] = listed
    return found


def _listed(entry: dict[str, Any]) -> Listed:
    most = entry.get("max_output_tokens")
    costs = [entry.get(f"{way}_cost_per_token") for way in ("input", "output")]
    is_priced = all(isinstance(cost, int | float) for cost in costs)
    return Listed(
        price=Price(*(Decimal(str(cost)) for cost in costs)) if is_priced else None,
        is_without_sampling=entry.get("supports_sampling_params") is False,
        default_effort=entry.get("default_reasoning_effort") or "",
        thinks=entry.get("supports_reasoning") is True,
        most_tokens_out=most if isinstance(most, int) and most > 0 else None,
    )
