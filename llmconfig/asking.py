"""Small requests to a provider's service, by our own hand: the web process has no LiteLLM."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from core.errors import AddressDenied
from core.network import GuardedClient
from llmconfig.addresses import name_denied
from llmconfig.errors import CallFailed
from llmconfig.providers import Provider
from llmconfig.wire import TappedTransport, Wire, current


@dataclass(frozen=True)
class Service:
    """A provider's service at one address, and the key for it; blank: none."""

    provider: Provider
    address: str
    key: str = field(repr=False)

    @property
    def is_anthropic(self) -> bool:
        return self.provider.protocol == "anthropic"

    @property
    def headers(self) -> dict[str, str]:
        if self.is_anthropic:
            key = {"X-Api-Key": self.key} if self.key else {}
            return key | {"Anthropic-Version": "2023-06-01"}
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


@asynccontextmanager
async def answer_of(
    service: Service, path: str, *, seconds: float, body: dict[str, Any] | None = None
) -> AsyncIterator[httpx.Response]:
    """The answer to one request, POST if there is a `body`; its own body is not read yet.

    Whatever goes wrong, while it is read too, becomes a CallFailed, after `seconds` at
    the latest; nothing that the service wrote is in it.
    """
    traffic = Wire(address=service.address, has_key=bool(service.key))
    current.set(traffic)
    method = "GET" if body is None else "POST"
    url = service.address + path
    try:
        async with (
            asyncio.timeout(seconds),
            GuardedClient(TappedTransport()) as client,
            client.stream(method, url, headers=service.headers, json=body) as response,
        ):
            if response.status_code >= 400:
                await response.aread()
            response.raise_for_status()
            yield response
    except CallFailed:
        raise
    except TimeoutError:
        raise CallFailed("timed_out") from None
    except AddressDenied as denial:  # what a public name stands for
        message = name_denied(denial, service.address).message
        raise CallFailed("unreachable", message) from None
    except Exception as error:
        raise traffic.explain(error) from None
