"""Pages and live streams from one port.

Pages go through the WSGI handler in a few threads, because Django's ASGI handler costs
them 1.4 to 2.5 times the CPU; only `/live/` needs an event loop. What a request carries
is read before a thread is taken (`forllm.bodies`): a slow sender keeps none waiting.
"""

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
from forllm import bodies

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
    "What you sent is too large. Each picture of a post may have 8 MB: choose smaller"
    " ones and send it again."
)
_ROOM_WAIT_SECONDS = 20
_NO_ROOM = (
    f"Many pictures are being sent just now. Try again in {_ROOM_WAIT_SECONDS} seconds."
)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer `/live/` on the event loop and hand everything else to the pages."""
    if scope["type"] == "lifespan":
        return await _lifespan(receive, send)
    if scope["type"] != "http":
        return await _pages(scope, receive, send)
    try:
        body = await bodies.read(scope, receive, sender=_sender(scope))
    except bodies.TooSlow:
        words = "The request took too long to arrive."
        return await _refuse(scope, send, 408, words)
    except bodies.TooLarge:
        return await _refuse(scope, send, 413, _TOO_LARGE)
    except bodies.NoRoom:
        retry = (b"retry-after", str(_ROOM_WAIT_SECONDS).encode())
        return await _refuse(scope, send, 503, _NO_ROOM, retry)
    except bodies.Gone:
        return None
    answer = _stream if scope["path"].startswith("/live/") else _pages
    try:
        return await answer(_plain(scope), body.replayed(receive), send)
    finally:
        body.close()


def _plain(scope: Any) -> Any:
    """`scope` without headers that Django takes for others.

    `X_Forwarded_For` has the name of `X-Forwarded-For` there, and not every proxy stops it.
    """
    headers = [(name, value) for name, value in scope["headers"] if b"_" not in name]
    return {**scope, "headers": headers}


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
    return f"session {session}" if session else _sender(scope)


def _sender(scope: Any) -> str:
    peer, *_ = scope.get("client") or [""]
    passed_on = [it for name, it in scope["headers"] if name == b"x-forwarded-for"]
    address = visitor(peer, b",".join(passed_on).decode("latin-1"))
    return f"address {neighbourhood(address)}"


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
