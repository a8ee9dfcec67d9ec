"""The outbound guard against thousands of addresses, with a listener that counts.

Every connection that the guard lets through is led to a listener on loopback, whatever
address it was for: what the listener accepts is what would have left the site. Names
are resolved by stubs; nothing here reaches another machine.
"""

import asyncio
import itertools
import random
from collections.abc import Iterator
from ipaddress import ip_address

import httpcore
import httpx
import pytest

from core.errors import AddressDenied, OutboundRefused
from core.network import GuardedBackend, GuardedClient, GuardedTransport, check_url
from core.tests.test_network import (
    PRIVATE_ADDRESSES,
    PUBLIC,
    resolve_numbers,
    spellings,
)
from tests.fake_llm import FakeLLM

# Where metadata services and other things that must not be called are found.
NAMED_TARGETS = (
    "169.254.169.254 169.254.170.2 169.254.0.23 100.100.100.200 192.0.0.192 168.63.129.16"
    " 127.0.0.1 10.0.0.5 172.16.0.1 192.168.1.1 0.0.0.0 224.0.0.1 255.255.255.255"
).split()
PORTS = ("", ":80", ":443", ":22", ":6379", ":5432", ":11434", ":0", ":65536", ":0x50")
TRICKS = (
    "https://good.example@{}/",
    "https://good.example:443@{}/",
    "https://{}@good.example/",
    "https://good.example\\@{}/",
    "https://{}\\@good.example/",
    "https://{}#@good.example/",
    "https://{}?@good.example/",
    "https://good.example#@{}/",
    "https://good.example;@{}/",
    "https:{}/",
    "https:/{}/",
    "https:///{}/",
    "https:\\\\{}\\",
    "https://{}%2f.good.example/",
    "https://{}%00.good.example/",
    "https://{}%20.good.example/",
    "https://{}\t/",
    "https://{}\n/",
    "https://{}\r\nHost: good.example/",
    " https://{}/",
    "\x00https://{}/",
    "https://good.example,{}/",
    "https://{} good.example/",
    "https://[{}]/",
    "https://[::ffff:{}]/",
    "https://[{}%25lo]/",
    "HTTPS://{}/",
    "//{}/",
    "{}",
)
SCHEMES = (
    "http https+unix file gopher ftp ftps sftp tftp dict ldap ldaps jar netdoc data"
    " javascript unix ws wss smb ssh telnet mailto view-source blob about"
).split()


def generated_urls() -> Iterator[str]:
    """Spellings, ports, parser tricks and schemes around every address to be denied."""
    for target in NAMED_TARGETS:
        for host in spellings(target):
            yield f"https://{host}/"
    for address, port in itertools.product(PRIVATE_ADDRESSES, PORTS):
        yield f"https://{bracketed(address)}{port}/v1"
    for address, trick in itertools.product(PRIVATE_ADDRESSES, TRICKS):
        yield trick.format(address)
    for target, scheme in itertools.product(NAMED_TARGETS, SCHEMES):
        yield f"{scheme}://{target}/"
        yield f"{scheme.upper()}://{target}:80/"


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


class Listener(httpcore.AsyncNetworkBackend):
    """Leads every connection to one listener on loopback, which counts them."""

    def __init__(self) -> None:
        self.accepted = 0
        self.meant_for: list[str] = []
        self.pairs: set[tuple[str, int]] = set()
        self._backend = httpcore.AnyIOBackend()

    async def __aenter__(self) -> "Listener":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _accept(self, reader, writer) -> None:
        self.accepted += 1
        writer.close()

    async def connect_tcp(self, host, port, *args, **kwargs):
        self.meant_for.append(host)
        self.pairs.add((host, port))
        return await self._backend.connect_tcp("127.0.0.1", self._port, *args, **kwargs)


def call_all(urls: list[str], resolver) -> Listener:
    """Ask for each of `urls` through the guard; the listener afterwards."""

    async def run() -> Listener:
        async with Listener() as listener:
            transport = GuardedTransport(GuardedBackend(resolver, listener))
            for url in urls:
                try:
                    await transport.handle_async_request(httpx.Request("GET", url))
                except (OutboundRefused, httpx.HTTPError, httpx.InvalidURL):
                    continue
            async with asyncio.timeout(60):
                while listener.accepted < len(listener.meant_for):
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)  # none more comes
            return listener

    return asyncio.run(run())


@pytest.mark.fault("A-SSRF-1", "A-SSRF-2", "A-SSRF-3", "A-SSRF-7")
def test_no_generated_address_is_connected_to(capsys):
    urls = list(dict.fromkeys(generated_urls()))

    listener = call_all(urls, resolve_numbers)

    # Some spellings are public addresses to every parser here; those are let through.
    denied = [text for text in listener.meant_for if not public(text)]
    with capsys.disabled():
        print(f"\noutbound guard: {len(urls)} addresses, {len(denied)} connections")
    assert len(urls) >= 2_800
    assert denied == []
    assert listener.accepted == len(listener.meant_for)


def public(text: str) -> bool:
    """By Python's own table, which knows nothing of ours."""
    address = ip_address(text)
    return address.is_global and not address.is_multicast


@pytest.mark.fault("A-SSRF-1")
def test_the_listener_hears_what_is_let_through():
    """Otherwise the test above would pass with everything refused."""
    listener = call_all([f"https://{PUBLIC}/", "https://8.8.8.8:80/"], resolve_numbers)

    assert listener.meant_for == [PUBLIC, "8.8.8.8"]
    assert listener.accepted == 2


@pytest.mark.fault("A-SSRF-1", "A-SSRF-5")
def test_no_name_of_a_denied_address_is_connected_to():
    """Each special address behind a name: alone, before and behind a public one."""
    answers = [
        order
        for address in PRIVATE_ADDRESSES
        for order in ([address], [PUBLIC, address], [address, PUBLIC])
    ]
    given = iter(answers)

    async def resolve(host, port):
        return [ip_address(text) for text in next(given)]

    listener = call_all(["https://name.example/"] * len(answers), resolve)

    assert listener.meant_for == []
    assert listener.accepted == 0


@pytest.mark.fault("A-SSRF-5")
def test_a_name_that_changes_between_looks_gains_nothing():
    rng = random.Random(5)  # the same sequence each time
    told: list[list[str]] = []
    asked = 0

    async def resolve(host, port):
        nonlocal asked
        asked += 1
        told.append(rng.choice([[PUBLIC], ["127.0.0.1"], [PUBLIC, "169.254.169.254"]]))
        return [ip_address(text) for text in told[-1]]

    listener = call_all(["https://name.example/"] * 200, resolve)

    assert asked == 200  # once for each connection: there is no second look to win
    assert listener.meant_for == [PUBLIC for answer in told if answer == [PUBLIC]]
    assert 20 < listener.accepted < 180


@pytest.mark.fault("A-SSRF-4")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_leads_to_a_denied_address(fake_llm: FakeLLM, status):
    async def follow(places: list[str]) -> None:
        async with GuardedClient() as client:
            for place in places:
                fake_llm.answers(mode="redirect", status=status, location=place)
                with pytest.raises(OutboundRefused):
                    await client.get(
                        f"{fake_llm.address}/models", follow_redirects=True
                    )

    places = [f"https://{bracketed(address)}/" for address in PRIVATE_ADDRESSES]
    asyncio.run(follow([*places, f"{fake_llm.root}/v1/models", "/v1/models"]))

    assert len(fake_llm.requests) == len(places) + 2


@pytest.mark.fault("A-SSRF-6")
def test_a_listed_pair_opens_that_pair_only(settings):
    settings.LLM_PRIVATE_HOSTS = [("10.0.0.5", 11434), ("llm.internal", 8080)]
    near = [
        f"{scheme}://{host}:{port}/"
        for scheme in ("http", "https")
        for host in (*spellings("10.0.0.5"), "10.0.0.4", "10.0.0.6", "llm.internal")
        for port in (80, 443, 22, 11433, 11434, 11435, 8080)
    ]
    right = [f"{scheme}://10.0.0.5:11434/" for scheme in ("http", "https")]
    urls = [url for url in dict.fromkeys(near) if url not in right]
    named = [url for url in urls if url.split("/")[2] == "llm.internal:8080"]

    async def resolve(host, port):
        if host == "llm.internal":
            return [ip_address("169.254.169.254")]
        return await resolve_numbers(host, port)

    listener = call_all([url for url in urls if url not in named], resolve)
    private = {pair for pair in listener.pairs if not public(pair[0])}
    # httpx reads `10.0.0.５` and the like as the very number that is listed.
    assert private <= {("10.0.0.5", 11434)}
    assert call_all(named, resolve).meant_for == []
    assert call_all(right, resolve).meant_for == ["10.0.0.5"] * 2


@pytest.mark.fault("A-SSRF-7")
def test_other_schemes_are_refused_when_saved_and_when_called():
    urls = [
        f"{written}://name.example/v1"
        for scheme in SCHEMES
        for written in (scheme, scheme.upper(), f" {scheme}")
    ]
    for url in urls:
        with pytest.raises(AddressDenied):
            check_url(url)

    assert call_all(urls, resolve_public).accepted == 0


async def resolve_public(host, port):
    return [ip_address(PUBLIC)]
