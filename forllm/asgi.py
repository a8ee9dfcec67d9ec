"""Pages and live streams from one port.

Pages go through the WSGI handler in a few threads, because Django's ASGI handler costs
them 1.4 to 2.5 times the CPU; only `/live/` needs an event loop. What a request carries
is read here, before a thread is taken: a slow sender keeps none waiting.
"""

import asyncio
import os
import resource
from collections import Counter
from typing import Any, cast

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import parse_cookie

from core import correlation
from core.addresses import neighbourhood, visitor

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forllm.settings")

live = get_asgi_application()

from forllm.wsgi import application as pages  # noqa: E402  # after Django's set-up

_pages = WSGIMiddleware(cast(Any, pages), workers=8)

# A page without a stream polls instead. A browser opens about six to one site.
MAX_STREAMS = 300
MAX_STREAMS_OF_ONE_READER = 10
_STREAM_WAIT_SECONDS = 10
_streams: Counter[str] = Counter()  # how many each reader has open here

_TOO_LARGE = (
    "What you sent is too large. Each picture may have 2 MB: choose smaller"
    " ones and send it again."
)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer `/live/` on the event loop and hand everything else to the pages."""
    if scope["type"] == "lifespan":
        return await _lifespan(receive, send)
    if scope["type"] != "http":
        return await _pages(scope, receive, send)
    try:
        async with asyncio.timeout(_patience_seconds(scope)):
            body = await _read_body(scope, receive)
    except TimeoutError:
        words = "The request took too long to arrive."
        return await _refuse(scope, send, 408, words)
    except _TooLarge:
        return await _refuse(scope, send, 413, _TOO_LARGE)
    except _Gone:
        return None
    answer = _stream if scope["path"].startswith("/live/") else _pages
    return await answer(scope, _replay(body, receive), send)


async def _stream(scope: Any, receive: Any, send: Any) -> None:
    reader = _reader(scope)
    if _streams[reader] >= MAX_STREAMS_OF_ONE_READER or _streams.total() >= MAX_STREAMS:
        words = (
            f"Too many streams are open. Try again in {_STREAM_WAIT_SECONDS} seconds."
        )
        retry = (b"retry-after", str(_STREAM_WAIT_SECONDS).encode())
        return await _refuse(scope, send, 429, words, retry)
    _streams[reader] += 1
    try:
        await live(scope, receive, send)
    finally:
        _streams[reader] -= 1
        if not _streams[reader]:
            del _streams[reader]


def _reader(scope: Any) -> str:
    """A session, or for those without one the address they come from."""
    cookies = dict(scope["headers"]).get(b"cookie", b"").decode("latin-1")
    session = parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME, "")
    if session:
        return f"session {session}"
    peer, *_ = scope.get("client") or [""]
    passed_on = [it for name, it in scope["headers"] if name == b"x-forwarded-for"]
    address = visitor(peer, b",".join(passed_on).decode("latin-1"))
    return f"address {neighbourhood(address)}"


class _TooLarge(Exception):
    """More than MAX_REQUEST_BYTES."""


class _Gone(Exception):
    """The sender left before the end."""


def _announced_bytes(scope: Any) -> int:
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    return int(announced[:20]) if announced.isdigit() else 0


def _patience_seconds(scope: Any) -> float:
    """How long the body may take: pictures over a slow line come in good faith."""
    size = min(_announced_bytes(scope), settings.MAX_REQUEST_BYTES)
    slowest = size / settings.SLOWEST_BYTES_PER_SECOND
    return settings.MAX_REQUEST_TIME.total_seconds() + slowest


async def _read_body(scope: Any, receive: Any) -> bytes:
    if _announced_bytes(scope) > settings.MAX_REQUEST_BYTES:
        raise _TooLarge
    body = bytearray()
    has_more = True
    while has_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message.get("body", b"")
        has_more = message.get("more_body", False)
        if len(body) > settings.MAX_REQUEST_BYTES:
            raise _TooLarge
    return bytes(body)


def _replay(body: bytes, receive: Any) -> Any:
    """A `receive` that gives the whole body first, then what else happens."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Any:
        return waiting.pop() if waiting else await receive()

    return next_message


async def _refuse(
    scope: Any, send: Any, status: int, words: str, *more: tuple[bytes, bytes]
) -> None:
    """Say no in plain text, before Django is asked; the answer has its id all the same."""
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    name = correlation.begin(given)
    body = f"{words}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # the rest of the request is not read
        (b"x-request-id", name.encode()),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            _raise_file_limit()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _raise_file_limit() -> None:
    """Each connection is an open file; many systems begin with 1024 for a process."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
