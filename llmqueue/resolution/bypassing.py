"""The way around an endpoint that is paused because it keeps failing.

What waits for it goes to its config's fallback, or the site's, where that may answer: it is
checked like any other choice. Whatever has no such way waits.
"""

from dataclasses import dataclass

from llmconfig.intents import FALLBACK
from llmconfig.models import LLMConfig
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.models import Lane
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.receipts import PAUSED, Receipt
from llmqueue.resolution.resolving import resolve, resolve_fallback


@dataclass(frozen=True)
class Way:
    """Who answers a new request, and how it gets there.

    `held`: the paused lane that it would wait in; with a `fallback` it goes there instead,
    and the receipt is that of the fallback.
    """

    receipt: Receipt
    held: Lane | None = None
    fallback: LLMConfig | None = None


def way_of(
    inputs: Inputs, lookups: Lookups | None = None, *, may_fall_back: bool = True
) -> Way:
    """Who answers `inputs` if it is asked now. Raises Refused, as `resolve` does."""
    lookups = lookups or Lookups([inputs])
    receipt = resolve(inputs, lookups)
    held = holding(receipt, lookups)
    if held is None:
        return Way(receipt)
    fallback = fallback_of(receipt.choice.config, lookups) if may_fall_back else None
    around = _around(inputs, receipt, fallback, lookups) if fallback else None
    if around is None:
        return Way(receipt, held)
    return Way(around, held, fallback)


def holding(receipt: Receipt, lookups: Lookups) -> Lane | None:
    """The paused lane in which a call of this receipt has to wait; None: it need not."""
    lane = lookups.paused_lane(receipt.choice.endpoint)
    on_own_key = receipt.key_owner is not None
    return lane if lane and lane.holds(on_own_key=on_own_key) else None


def fallback_of(config: LLMConfig | None, lookups: Lookups) -> LLMConfig | None:
    """What is asked when `config` fails: its own fallback, else that of the site."""
    own = config.fallback if config is not None else None
    fallback = own or lookups.profile(FALLBACK)
    return None if fallback == config else fallback


def _around(
    inputs: Inputs, receipt: Receipt, fallback: LLMConfig, lookups: Lookups
) -> Receipt | None:
    try:
        found = resolve_fallback(
            inputs, fallback, failed=receipt.as_json(), told=PAUSED, lookups=lookups
        )
    except Refused:
        return None
    return None if holding(found, lookups) else found
