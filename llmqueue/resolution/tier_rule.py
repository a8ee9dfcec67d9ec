"""What a member's tier allows: looked at once a model is chosen, never a step before.

Members whose address is not confirmed get the site's cheap model, whatever was chosen.
"""

from dataclasses import dataclass

from accounts.tiers import Tier
from llmconfig.intents import CHEAP
from llmconfig.models import LLMConfig
from llmqueue.errors import TierNotAllowed
from llmqueue.handlers import Inputs
from llmqueue.resolution.config_ladder import offer
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.receipts import ModelChoice, Passed, Step

RULE = "what the member's tier allows"

_CONFIRM = "Confirm your address in Settings › Email to use the others."


@dataclass(frozen=True)
class Swap:
    """The model that answers in the place of the one chosen; `note` is for all readers."""

    choice: ModelChoice
    step: Step
    note: str


def within_tier(inputs: Inputs, choice: ModelChoice, lookups: Lookups) -> "Swap | None":
    """What `choice` gives way to, None when it may stay.

    Raises TierNotAllowed when the site has no model for the member's tier.
    """
    if not _is_bound(inputs, choice, lookups):
        return None
    cheap = lookups.profile(CHEAP)
    if cheap is None:
        raise TierNotAllowed(
            "Until your address is confirmed only the site's cheap model answers you, and"
            f" the site has set none. {_CONFIRM}"
        )
    if _is(choice, cheap):
        return None
    instead = offer(cheap, member=inputs.member, lookups=lookups)
    if isinstance(instead, Passed):
        raise TierNotAllowed(
            "Until your address is confirmed only the site's cheap model answers you, and"
            f" it is switched off. {_CONFIRM}"
        )
    why = (
        f"{instead} in the place of {choice}: it alone is for members whose address is"
        " not confirmed."
    )
    note = f"{instead} answered in the place of {choice}, as for every new member."
    return Swap(instead, Step(RULE, True, why), note)


def check_tier(inputs: Inputs, choice: ModelChoice, lookups: Lookups) -> None:
    """Raise TierNotAllowed unless `choice` itself is one that the member's tier allows."""
    if _is_bound(inputs, choice, lookups):
        cheap = lookups.profile(CHEAP)
        if cheap is None or not _is(choice, cheap):
            raise TierNotAllowed(f"{choice} is not for your tier. {_CONFIRM}")


def _is_bound(inputs: Inputs, choice: ModelChoice, lookups: Lookups) -> bool:
    """Whether the tier decides; who pays with a key of their own is free to choose."""
    member = inputs.member
    if member is None or lookups.tier(member) != Tier.SAMPLE:
        return False
    return not lookups.pays_at(member, choice.endpoint)


def _is(choice: ModelChoice, config: LLMConfig) -> bool:
    return choice.config is not None and choice.config.pk == config.pk
