"""What a profile is for; whoever runs the site says which model serves it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Intent:
    """A profile's key, its name for people, and what it is for."""

    key: str
    label: str
    about: str


# What a site begins with; it is never without a model once the site has one.
COMPAT = "compat"
# What members whose address is not confirmed get.
CHEAP = "cheap"
# Asked where a config that failed has no fallback of its own.
FALLBACK = "fallback"

INTENTS = (
    Intent(COMPAT, "Compatible", "Works everywhere; what the site began with."),
    Intent("frontier", "Frontier", "The best there is, whatever it costs."),
    Intent("balanced", "Balanced", "Good answers at a fair price."),
    Intent("fast", "Fast", "Answers soon."),
    Intent(
        CHEAP, "Cheap", "Costs little; what members without a confirmed address get."
    ),
    Intent(FALLBACK, "Fallback", "Asked once where another model failed or refused."),
)
