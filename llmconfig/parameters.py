"""What a provider takes with a call: sampling parameters, and whether it wants a key."""

from typing import Any

from llmconfig.calls import Call
from llmconfig.providers import PROVIDERS, provider_at
from llmconfig.sampling import PARAMETERS

# Anthropic wants a limit with every call.
ANTHROPIC_MAX_TOKENS = 4096


# A call knows its protocol, not what its endpoint is called: these promise the least.
_PLAINEST = {"openai": PROVIDERS["compatible"], "anthropic": PROVIDERS["anthropic"]}


def needs_key(call: Call) -> bool:
    """What `Endpoint.needs_key` says, so far as protocol and host tell it."""
    return _PLAINEST[call.protocol].needs_key_at(call.address)


def sent_parameters(call: Call) -> dict[str, Any]:
    """The parameters that the provider takes, as arguments for LiteLLM."""
    given = {
        name: value for name, value in call.parameters.items() if value is not None
    }
    provider = provider_at(call.address)
    known = {it.name for it in PARAMETERS if call.protocol in it.protocols}
    sent = {name: given[name] for name in given.keys() & known}
    if call.protocol == "anthropic":
        sent.setdefault("max_tokens", ANTHROPIC_MAX_TOKENS)
    elif not (provider and provider.is_strict):
        extras = {it.name for it in PARAMETERS if it.is_extra}
        extra = {name: given[name] for name in given.keys() & extras}
        if extra:
            sent["extra_body"] = extra
    return sent
