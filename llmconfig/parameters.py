"""What a provider takes with a call: sampling parameters, and whether it wants a key."""

from typing import Any

from llmconfig import taken
from llmconfig.calls import Call
from llmconfig.providers import PROVIDERS

# A call knows its protocol, not what its endpoint is called: these promise the least.
_PLAINEST = {"openai": PROVIDERS["compatible"], "anthropic": PROVIDERS["anthropic"]}


def needs_key(call: Call) -> bool:
    """What `Endpoint.needs_key` says, so far as protocol and host tell it."""
    return _PLAINEST[call.protocol].needs_key_at(call.address)


def sent_parameters(call: Call) -> dict[str, Any]:
    """The parameters that are sent, as arguments for LiteLLM."""
    kind = _PLAINEST[call.protocol]
    parts = taken.split(
        call.parameters, kind=kind, address=call.address, model=call.model
    )
    sent = parts.sent
    if call.protocol == "anthropic":
        return sent
    if "max_tokens" in sent and taken.is_thinking(call.model):
        sent["max_completion_tokens"] = sent.pop("max_tokens")
    # Into the body as they are: LiteLLM would leave some out by the name of a model.
    return {"extra_body": sent} if sent else {}
