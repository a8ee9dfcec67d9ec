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

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forllm.settings")

live = get_asgi_application()

from forllm.wsgi import application as pages  # noqa: E402  # after Django's set-up

_pages = WSGIMiddleware(cast(Any, pages), workers=8)

# A page without a stream polls instead. A browser opens about six to one site.
MAX_STREAMS = 300
MAX_STREAMS_OF_ONE_READER = 10
_streams: Counter[str] = Counter()  # how many each reader has open here


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer `/live/` on the event loop and hand everything else to the pages."""
    if scope["type"] == "lifespan":
        return await _lifespan(receive, send)
    if scope["type"] != "http":
        return await _pages(scope, receive, send)
    try:
        async with asyncio.timeout(settings.MAX_REQUEST_TIME.total_seconds()):
            body = await _read_body(scope, receive)
    except TimeoutError:
        return await _refuse(send, 408, "The request took too long to arrive.")
    except _TooLarge:
        return await _refuse(send, 413, "The request is too large.")
    except _Gone:
        return None
    answer = _stream if scope["path"].startswith("/live/") else _pages
    return await answer(scope, _replay(body, receive), send)


async def _stream(scope: Any, receive: Any, send: Any) -> None:
    reader = _reader(scope)
    if _streams[reader] >= MAX_STREAMS_OF_ONE_READER or _streams.total() >= MAX_STREAMS:
        return await _refuse(send, 429, "Too many streams are open.")
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
    address = scope.get("client") or [""]
    return f"session {session}" if session else f"address {address[0]}"


class _TooLarge(Exception):
    """More than MAX_REQUEST_BYTES."""


class _Gone(Exception):
    """The sender left before the end."""


async def _read_body(scope: Any, receive: Any) -> bytes:
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    if announced.isdigit() and int(announced[:20]) > settings.MAX_REQUEST_BYTES:
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


async def _refuse(send: Any, status: int, words: str) -> None:
    body = f"{words}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # the rest of the request is not read
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
