"""A call's traffic goes to the call's own address, once, and nowhere else."""

import asyncio

import httpx
import pytest

from core.errors import AddressDenied
from core.network import GuardedClient
from llmconfig import wire
from llmconfig.wire import TappedTransport, Wire
from tests.fake_llm import FakeLLM


def send(*urls, address):
    async def run():
        wire.current.set(Wire(address=address, has_key=True))
        async with GuardedClient(TappedTransport()) as client:
            for url in urls:
                await client.get(url, headers={"Authorization": "Bearer sk-canary"})

    asyncio.run(run())


@pytest.mark.fault("A-SSRF-9")
def test_a_request_to_another_address_than_the_key_s_is_not_sent(fake_llm, settings):
    with FakeLLM() as other:
        settings.LLM_PRIVATE_HOSTS.append(("127.0.0.1", other.port))

        with pytest.raises(AddressDenied):
            send(f"{other.address}/models", address=fake_llm.address)

        assert other.requests == []


def test_a_call_sends_one_request(fake_llm):
    url = f"{fake_llm.address}/models"

    with pytest.raises(httpx.RequestError):
        send(url, url, address=fake_llm.address)

    assert len(fake_llm.requests) == 1
