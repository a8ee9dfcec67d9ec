"""What RATE_ variables say: how often one may do what (`core.rates` has the rules)."""

from forllm.environment import Environment

type Rates = dict[str, list[tuple[int, float]]]

# 50/10s: at most fifty in any ten seconds.
DEFAULTS = {
    "guest_pages": "50/10s,200/m",
    "member_pages": "100/10s,600/m",
    "pictures": "400/10s,1200/m",
    "sign_ins": "10/m",
    "account_sign_ins": "5/5m",
    "sign_ups": "5/h",
    "resets": "5/h",
    "posts": "3/15s",
    "previews": "30/m",
    "asks": "10/m",
    "subforum_asks": "60/m",
    "uploads": "10/m",
    "tests": "10/m",
}


def read_rates(env: Environment) -> Rates:
    """The counts and seconds of each rule; nothing when RATE_LIMITS is off."""
    rates = {
        name: env.rates(f"RATE_{name.upper()}", default)
        for name, default in DEFAULTS.items()
    }
    return rates if env.flag("RATE_LIMITS", default=True) else {}


def account_rates(rates: Rates) -> dict[str, str]:
    """The rules that allauth counts, as its own setting says them.

    It does so in PostgreSQL: guessing passwords stays slow while Valkey is away.
    """
    if not rates:
        return {}
    address, account = "ip", "key"
    counted = {
        "login_failed": [("sign_ins", address), ("account_sign_ins", account)],
        "sign_up": [("sign_ups", address)],
        "reset_password": [("resets", address), ("resets", account)],
    }
    return {
        action: ",".join(
            f"{count}/{seconds:.0f}s/{whom}"
            for name, whom in rules
            for count, seconds in rates[name]
        )
        for action, rules in counted.items()
    }
