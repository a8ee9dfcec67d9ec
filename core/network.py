"""The guard on all that the site sends to other machines.

A name is resolved here, every address it stands for is checked, and the connection
goes to a checked address and no other; TLS still proves the name. Redirects, proxies
from the environment, unix sockets, cookies and compressed or endless answers are
refused. The operator may allow exact pairs of host and port (LLM_PRIVATE_HOSTS).
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import cast

import httpcore
import httpx
from django.conf import settings

from core.errors import (
    AddressDenied,
    BodyTooLarge,
    EncodingRefused,
    RedirectNotFollowed,
)

type Address = IPv4Address | IPv6Address
type Resolver = Callable[[str, int], Awaitable[list[Address]]]

CONNECT_SECONDS = 5.0
MAX_ADDRESSES_TRIED = 4
_DEFAULT_PORTS = {"http": 80, "https": 443}

# IANA's special-purpose registries, written out: `is_global` differs between Python
# versions and calls multicast and NAT64 global. What carries an IPv4 address inside
# an IPv6 one is denied whole.
_DENIED = [
    ip_network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' own; Alibaba's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's platform address, public by number only
        "169.254.0.0/16",  # link-local; most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "2001::/23",  # protocol assignments, Teredo
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
]
# All public IPv6 unicast so far; leaves out ::, ::1, mapped and compatible IPv4,
# NAT64, discard, fc00::/7, fe80::/10, fec0::/10, 5f00::/16 and multicast.
_PUBLIC_IPV6 = ip_network("2000::/3")

# What a listed *name* may stand for beside public addresses. Metadata services are
# in none of them, or taken out again.
_PRIVATE = [
    ip_network(block)
    for block in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
]
_METADATA = [ip_address("100.100.100.200"), ip_address("fd00:ec2::254")]


def is_public(address: Address) -> bool:
    """Whether `address` is a public unicast one that may be called without listing."""
    if address.version == 6 and address not in _PUBLIC_IPV6:
        return False
    return not any(address in block for block in _DENIED)


def is_listed(host: str, port: int) -> bool:
    """Whether the operator allows exactly this spelling of the host with this port."""
    return (host.lower(), port) in {tuple(pair) for pair in settings.LLM_PRIVATE_HOSTS}


def origin(url: httpx.URL) -> tuple[str, str, int]:
    """Scheme, host and port of `url`, in the form in which they are compared."""
    return url.scheme, url.host.lower(), url.port or _DEFAULT_PORTS.get(url.scheme, 0)


def check_url(text: str | httpx.URL) -> httpx.URL:
    """Return `text` as a URL if its form may be called; raise AddressDenied if not.

    Looks at what is written only; what a name stands for is checked at connect.
    """
    try:
        url = httpx.URL(text)
        scheme, host, port = origin(url)  # decodes the host's name
    except (httpx.InvalidURL, ValueError):
        raise AddressDenied from None
    if scheme not in _DEFAULT_PORTS or not host or url.userinfo:
        raise AddressDenied
    if is_listed(host, port):
        return url
    if scheme != "https" or port not in _DEFAULT_PORTS.values():
        raise AddressDenied
    try:
        literal = ip_address(host)
    except ValueError:
        return url
    if not is_public(literal):
        raise AddressDenied
    return url


async def resolve(host: str, port: int) -> list[Address]:
    """All addresses of `host`, in the system's order."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(row[4][0]) for row in found]


def _check_addresses(host: str, port: int, addresses: Iterable[Address]) -> None:
    """Raise AddressDenied unless every one of `addresses` may be called as `host`."""
    listed = is_listed(host, port)
    for address in addresses:
        if is_public(address):
            continue
        if listed and (str(address) == host.lower() or _may_be_named(address)):
            continue
        raise AddressDenied


def _may_be_named(address: Address) -> bool:
    return address not in _METADATA and any(address in block for block in _PRIVATE)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections for httpcore, to checked addresses only."""

    def __init__(
        self,
        resolver: Resolver = resolve,
        opener: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._resolve = resolver
        self._opener = opener or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of the host's addresses that answers; all must be allowed.

        Raises AddressDenied, or httpcore.ConnectError and ConnectTimeout.
        """
        seconds = min(timeout or CONNECT_SECONDS, CONNECT_SECONDS)
        addresses = await self._addresses(host, port, seconds)
        _check_addresses(host, port, addresses)
        failure: Exception = httpcore.ConnectError("The name has no address.")
        for address in addresses[:MAX_ADDRESSES_TRIED]:
            try:
                return await self._opener.connect_tcp(
                    str(address), port, seconds, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _addresses(self, host: str, port: int, seconds: float) -> list[Address]:
        try:
            async with asyncio.timeout(seconds):
                return await self._resolve(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout(
                "The name was not resolved in time."
            ) from None
        except (
            OSError,
            ValueError,
        ):  # UnicodeError, of a malformed name, is a ValueError
            raise httpcore.ConnectError("The name was not resolved.") from None

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressDenied

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport with the guard under it and the answer's limits above it."""

    def __init__(self, backend: GuardedBackend | None = None) -> None:
        context = httpx.create_ssl_context()  # takes 25 ms
        super().__init__(verify=context)
        # httpx takes no network backend, so its pool is replaced by one that does.
        # Pooled connections are keyed by scheme, host and port, never by address.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            network_backend=backend or GuardedBackend(),
            max_connections=2000,
            max_keepalive_connections=100,
            keepalive_expiry=30,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; raise an OutboundRefused before or after, as the rules say."""
        check_url(request.url)
        request.headers["Accept-Encoding"] = "identity"
        response = await super().handle_async_request(request)
        try:
            _check_response(response)
        except BaseException:
            await response.aclose()
            raise
        response.stream = _CountedStream(cast(httpx.AsyncByteStream, response.stream))
        return response


def _check_response(response: httpx.Response) -> None:
    if 300 <= response.status_code < 400:
        raise RedirectNotFollowed
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise EncodingRefused
    announced = response.headers.get("Content-Length", "0")
    if announced.isdecimal() and int(announced[:20]) > settings.LLM_MAX_BODY_BYTES:
        raise BodyTooLarge


class _CountedStream(httpx.AsyncByteStream):
    """A body that ends with BodyTooLarge when it passes the limit."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        async for chunk in self._stream:
            read += len(chunk)
            if read > settings.LLM_MAX_BODY_BYTES:
                raise BodyTooLarge
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class GuardedClient(httpx.AsyncClient):
    """An httpx client that can reach other machines only through the guard."""

    def __init__(self, transport: GuardedTransport | None = None) -> None:
        super().__init__(
            transport=transport or GuardedTransport(),
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": "FORLLM"},
            # A provider's cookie would tie one member's calls to another's.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
        )
