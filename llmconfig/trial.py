"""A trial of an endpoint that costs nothing: its list of models, asked for with the key.

It runs in the web process and therefore without LiteLLM.
"""

import asyncio
import difflib
import re

import httpx

from core.errors import AddressDenied, OutboundRefused
from core.event_loop import submit
from core.network import GuardedClient
from llmconfig.addresses import (
    check_address,
    host_and_port,
    is_loopback,
    name_denied,
)
from llmconfig.errors import KEY_NEEDED, TrialFailed
from llmconfig.failures import kind_of_status
from llmconfig.providers import Provider

TRIAL_SECONDS = 10
_MODEL_NAME = re.compile(r"[\w.:/@-]{1,120}", re.ASCII)


def try_endpoint(*, provider: Provider, address: str, key: str, model: str) -> str:
    """Ask `address` for its models; return what that has shown and what it has not.

    Raises TrialFailed, mostly of kind `key_refused`, `no_model` or `unreachable`, or
    AddressDenied, having sent nothing.
    """
    check_address(address)
    if provider.needs_key_at(address) and not key:
        raise TrialFailed("key_refused", KEY_NEEDED)
    models = submit(_list_models(provider, address, key)).result()
    if models is None:
        return (
            "The address answers but has no list of models. Whether it takes the key"
            " and the model, the first reply will show."
        )
    _check_model(model, models)
    if key and provider.has_open_list:
        return (
            f"The address answers and has the model {model}. It shows that to everybody:"
            " whether it takes the key, the first reply will show."
        )
    return (
        f"It works: the address answers{', takes the key' if key else ''} and has the"
        f" model {model}. Limits and credit are not part of the trial."
    )


async def _list_models(provider: Provider, address: str, key: str) -> list[str] | None:
    """The names of the models; None if the service has no such list."""
    url, headers = f"{address}/models", {"Authorization": f"Bearer {key}"}
    if provider.protocol == "anthropic":
        url = f"{address}/v1/models?limit=1000"
        headers = {"X-Api-Key": key, "Anthropic-Version": "2023-06-01"}
    try:
        async with asyncio.timeout(TRIAL_SECONDS), GuardedClient() as client:
            response = await client.get(url, headers=headers if key else {})
    except AddressDenied as denial:  # what a public name stands for
        message = name_denied(denial, address).message
        raise TrialFailed("unreachable", message) from None
    except OutboundRefused as refusal:
        raise TrialFailed("unreachable", refusal.message) from None
    except (TimeoutError, httpx.HTTPError):
        message = _unreachable(provider, address)
        raise TrialFailed("unreachable", message) from None
    if response.status_code in (404, 405):
        return None
    if response.status_code >= 400:
        kind = kind_of_status(response.status_code, response.text[:4096])
        raise TrialFailed(kind)
    try:
        names = [str(row["id"]) for row in response.json()["data"]]
    except (ValueError, TypeError, KeyError):
        raise TrialFailed("malformed") from None
    return [name.removeprefix("models/") for name in names]


def _unreachable(provider: Provider, address: str) -> str:
    """What was tried and where to look; nothing of what was found there."""
    words = [f"{host_and_port(address)} cannot be reached."]
    if is_loopback(address):
        words.append("That is the machine this site runs on.")
    if provider.key == "ollama":
        words.append(
            "Is Ollama running? On another machine it answers only when it was started"
            " with OLLAMA_HOST=0.0.0.0, and here its address has to be in"
            " LLM_PRIVATE_HOSTS as host:port."
        )
    return " ".join(words)


def _check_model(model: str, models: list[str]) -> None:
    """Raise TrialFailed unless `model` is listed, or the beginning of one that is.

    Providers list `name-20260101` and also take `name`.
    """
    if any(listed == model or listed.startswith(f"{model}-") for listed in models):
        return
    # What a service calls its models is shown to staff, and nothing else it says.
    shown = [name for name in models if _MODEL_NAME.fullmatch(name)]
    near = difflib.get_close_matches(model, shown, n=5, cutoff=0.3) or sorted(shown)[:5]
    hint = f" It has {', '.join(near)}." if near else ""
    raise TrialFailed("no_model", f"There is no model {model} at this address.{hint}")
