"""What tokens cost, without asking anybody."""

import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

_FILE = "model_prices_and_context_window_backup.json"


@dataclass(frozen=True)
class Price:
    """What one token costs on its way in, and on its way out."""

    in_usd: Decimal
    out_usd: Decimal

    def of(self, tokens_in: int, tokens_out: int) -> Decimal:
        """What so many tokens cost."""
        return tokens_in * self.in_usd + tokens_out * self.out_usd


def listed_price(*, prices: str, model: str) -> Price | None:
    """The price of `model` at a provider, by LiteLLM's name for it; None: not known.

    What a model costs here tells `services.prices.price_of`. Discounts and surcharges,
    as for very long prompts, are left out: what a call has cost, its answer tells.
    """
    return _table().get((prices, model))


@cache
def _table() -> dict[tuple[str, str], Price]:
    """Prices by provider and model, from the table that LiteLLM's package brings.

    Not by its import, which costs a second and 110 MB; reading the table takes 40 ms.
    """
    spec = cast(ModuleSpec, find_spec("litellm"))
    file = Path(cast(str, spec.origin)).with_name(_FILE)
    entries: dict[str, dict[str, Any]] = json.loads(file.read_text())
    found: dict[tuple[str, str], Price] = {}
    # Names with their provider before them come last: LiteLLM looks for those first.
    for name in sorted(entries, key=lambda it: "/" in it):
        entry = entries[name]
        provider = entry.get("litellm_provider", "")
        costs = [entry.get(f"{way}_cost_per_token") for way in ("input", "output")]
        if all(isinstance(cost, int | float) for cost in costs):
            price = Price(*(Decimal(str(cost)) for cost in costs))
            found[provider, name.removeprefix(f"{provider}/")] = price
    return found
