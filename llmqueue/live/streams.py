"""Streams of server-sent events: words and states of some requests for one reader.

Opened by a page only while something is on its way. The address carries a short-lived
token bound to the reader's session and to a scope, such as one topic; session and rights
are looked at again while the stream is open.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from importlib import import_module
from typing import Any

import redis
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.core import signing
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.crypto import salted_hmac

from llmqueue.live.listening import listener

TOKEN_AGE_SECONDS = 600
RECHECK_SECONDS = 10
_SALT = "llmqueue.streams"
_ABSENT = object()  # the lease of a request that is not there; None: it waits

# Requests by their public id, with the lease each is running under.
type Leases = dict[uuid.UUID, uuid.UUID | None]
# What to follow for a reader (a user or AnonymousUser); None: they may not read it.
type FindLeases = Callable[[Any], Leases | None]
# Whose words the reader gets of what is followed, under these very leases; None: of all.
type FindHeard = Callable[[Any, Leases], frozenset[uuid.UUID] | None]


def all_words(reader: Any, leases: Leases) -> None:
    """What is being written is for whoever may follow it."""


def no_words(reader: Any, leases: Leases) -> frozenset[uuid.UUID]:
    """Only that something changed."""
    return frozenset()


def url_for(request: HttpRequest, scope: str, address: str) -> str:
    """`address`, which answers with the stream of `scope`, as this reader opens it."""
    token = signing.dumps({"of": scope, "s": _session_mark(request)}, salt=_SALT)
    return f"{address}?token={token}"


def token_is_good(request: HttpRequest, scope: str) -> bool:
    """Whether the address was made for this scope and this session, lately."""
    try:
        content = signing.loads(
            request.GET.get("token", ""), salt=_SALT, max_age=TOKEN_AGE_SECONDS
        )
    except signing.BadSignature:
        return False
    return bool(content == {"of": scope, "s": _session_mark(request)})


def answer(
    request: HttpRequest,
    scope: str,
    find: FindLeases,
    *,
    find_heard: FindHeard = all_words,
) -> HttpResponseBase:
    """The stream of `scope`, or 403 when the address was not made for this reader."""
    if not token_is_good(request, scope):
        # Not 200, so that the browser does not try again: the page polls instead.
        return HttpResponse("This address has expired.", status=403)
    response = StreamingHttpResponse(
        events(request, find, find_heard=find_heard), content_type="text/event-stream"
    )
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def events(
    request: HttpRequest, find: FindLeases, *, find_heard: FindHeard = all_words
) -> AsyncIterator[str]:
    """Server-sent events: `text`, `state`, and `end` when nothing is open any more.

    text: {"ask", "at", "text", "restart"} of what is heard; state: {"ask"}.
    Every RECHECK_SECONDS the session, the rights and what is open are read again. Ends
    silently when Valkey is away: the page then polls.
    """
    known: Leases = {}
    news = _News(may_hear_more=find_heard is not no_words)
    yield "retry: 3000\n\n"
    try:
        while (found := await _find(request, find, find_heard)) is not None:
            leases, heard = found
            changed = [
                it
                for it in known | leases
                if known.get(it, _ABSENT) != leases.get(it, _ABSENT)
            ]
            for public_id in changed:
                yield as_event("state", {"ask": str(public_id)})
            known = leases
            if not leases:
                yield as_event("end", {})
                return
            await news.follow(leases, heard)
            async for event in news.for_seconds(RECHECK_SECONDS):
                yield event
            yield ": still here\n\n"
    except redis.RedisError:
        return
    finally:
        await news.close()


class _News:
    """What one reader follows, for as long as the same requests run under one lease.

    Following anew sends every text again, whole.
    """

    def __init__(self, *, may_hear_more: bool) -> None:
        self._may_hear_more = may_hear_more
        self._leases: Leases = {}
        self._heard: frozenset[uuid.UUID] | None = None
        self._stream: AsyncGenerator[tuple[uuid.UUID, dict[str, Any]]] | None = None
        self._next: asyncio.Task[tuple[uuid.UUID, dict[str, Any]]] | None = None

    async def follow(self, leases: Leases, heard: frozenset[uuid.UUID] | None) -> None:
        """Follow these; nothing changes if they are followed already."""
        if self._stream is not None and (self._leases, self._heard) == (leases, heard):
            return
        await self.close()
        self._leases, self._heard = leases, heard
        self._stream = listener().follow(leases, heard=heard)

    async def for_seconds(self, seconds: float) -> AsyncIterator[str]:
        """The events that come in this time, or until the connection ends.

        Or until a state, for who hears some only: who writes by now may be heard.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while self._stream is not None and loop.time() < until:
            # Waited for and not cancelled when the time is up: that would end the stream.
            self._next = self._next or asyncio.ensure_future(anext(self._stream))
            await asyncio.wait({self._next}, timeout=until - loop.time())
            if not self._next.done():
                return
            task, self._next = self._next, None
            try:
                public_id, news = task.result()
            except StopAsyncIteration:
                self._stream = None
                return
            name = "state" if "state" in news else "text"
            body = {"ask": str(public_id)} | (news if name == "text" else {})
            yield as_event(name, body)
            if name == "state" and self._may_hear_more and self._heard is not None:
                return

    async def close(self) -> None:
        """Follow nothing any more."""
        waited, self._next = self._next, None
        if waited is not None:
            waited.cancel()
            await asyncio.wait({waited})
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.aclose()


def as_event(name: str, body: dict[str, Any]) -> str:
    """One server-sent event; its data is JSON in one line."""
    return f"event: {name}\ndata: {json.dumps(body)}\n\n"


def _session_mark(request: HttpRequest) -> str:
    """What binds a token to a session without showing the session's key."""
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    return salted_hmac(_SALT, key, algorithm="sha256").hexdigest()[:20]


@sync_to_async(thread_sensitive=False)
def _find(
    request: HttpRequest, find: FindLeases, find_heard: FindHeard
) -> tuple[Leases, frozenset[uuid.UUID] | None] | None:
    """What to follow for whoever the session belongs to by now, and whom to hear."""
    try:
        engine = import_module(settings.SESSION_ENGINE)
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        request.session = engine.SessionStore(key)
        reader = get_user(request)
        leases = find(reader)
        return None if leases is None else (leases, find_heard(reader, leases))
    finally:
        connection.close()  # this thread is not Django's: give it back to the pool
