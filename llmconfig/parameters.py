"""What a provider takes with a call: sampling parameters, and whether it wants a key."""

from typing import Any

from llmconfig.calls import Call
from llmconfig.providers import provider_at

# Anthropic wants a limit with every call.
ANTHROPIC_MAX_TOKENS = 4096

_PARAMETERS = {
    "openai": {
        "temperature",
        "top_p",
        "frequency_penalty",
        "presence_penalty",
        "max_tokens",
    },
    "anthropic": {"temperature", "top_p", "top_k", "max_tokens"},
}
# Not OpenAI's, but taken by most servers that speak its protocol.
_EXTRA_PARAMETERS = {"top_k", "repetition_penalty"}


def needs_key(call: Call) -> bool:
    """Whether the provider takes no call without a key, by its protocol or its host."""
    provider = provider_at(call.address)
    return call.protocol == "anthropic" or bool(provider and provider.needs_key)


def sent_parameters(call: Call) -> dict[str, Any]:
    """The parameters that the provider takes, as arguments for LiteLLM."""
    given = {
        name: value for name, value in call.parameters.items() if value is not None
    }
    provider = provider_at(call.address)
    sent = {name: given[name] for name in given.keys() & _PARAMETERS[call.protocol]}
    if call.protocol == "anthropic":
        sent.setdefault("max_tokens", ANTHROPIC_MAX_TOKENS)
    elif not (provider and provider.is_strict):
        extra = {name: given[name] for name in given.keys() & _EXTRA_PARAMETERS}
        if extra:
            sent["extra_body"] = extra
    return sent
