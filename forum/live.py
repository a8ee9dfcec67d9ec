"""The stream of one topic: who may read it, and what is in it.

Opened by a page only while a reply is on its way. The address carries a short-lived
token bound to the reader's session and the topic; session and rights are looked at
again while the stream is open.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

import redis
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.core import signing
from django.db import connection
from django.http import HttpRequest
from django.urls import reverse
from django.utils.crypto import salted_hmac

from forum.models import Ask, Topic
from llmqueue import services as queue

TOKEN_AGE_SECONDS = 600
RECHECK_SECONDS = 10
_SALT = "forum.live"
_NEW = object()  # a lease that no request has


def stream_url(request: HttpRequest, topic: Topic) -> str:
    """The address of the topic's stream for this reader."""
    token = signing.dumps({"t": topic.pk, "s": _session_mark(request)}, salt=_SALT)
    return f"{reverse('forum:topic_stream', args=[topic.pk])}?token={token}"


def token_is_good(request: HttpRequest, topic_id: int) -> bool:
    """Whether the address was made for this topic and this session, lately."""
    try:
        content = signing.loads(
            request.GET.get("token", ""), salt=_SALT, max_age=TOKEN_AGE_SECONDS
        )
    except signing.BadSignature:
        return False
    return bool(content == {"t": topic_id, "s": _session_mark(request)})


async def events(request: HttpRequest, topic_id: int) -> AsyncIterator[str]:
    """Server-sent events: `text`, `state`, and `end` when nothing is open any more.

    text: {"ask", "at", "text", "restart"}; state: {"ask"}. Every RECHECK_SECONDS the
    session, the rights and the list of open asks are read again. Ends silently when
    Valkey is away: the page then polls.
    """
    known: dict[uuid.UUID, uuid.UUID | None] = {}
    yield "retry: 3000\n\n"
    while (leases := await _open_leases(request, topic_id)) is not None:
        changed = (
            ask for ask in known | leases if known.get(ask, _NEW) != leases.get(ask)
        )
        for ask in changed:
            yield _event("state", {"ask": str(ask)})
        known = leases
        if not leases:
            yield _event("end", {})
            return
        try:
            async for event in _news(leases):
                yield event
        except redis.RedisError:
            return


async def _news(leases: dict[uuid.UUID, uuid.UUID | None]) -> AsyncIterator[str]:
    """The events of these requests, for RECHECK_SECONDS."""
    stream = queue.listener().follow(leases)
    until = asyncio.get_running_loop().time() + RECHECK_SECONDS
    try:
        while True:
            async with asyncio.timeout_at(until):
                public_id, news = await anext(stream)
            name = "state" if "state" in news else "text"
            body = {"ask": str(public_id)} | (news if name == "text" else {})
            yield _event(name, body)
    except (TimeoutError, StopAsyncIteration):
        yield ": still here\n\n"
    finally:
        await stream.aclose()


def _event(name: str, body: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(body)}\n\n"


def _session_mark(request: HttpRequest) -> str:
    """What binds a token to a session without showing the session's key."""
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    return salted_hmac(_SALT, key, algorithm="sha256").hexdigest()[:20]


@sync_to_async(thread_sensitive=False)
def _open_leases(
    request: HttpRequest, topic_id: int
) -> dict[uuid.UUID, uuid.UUID | None] | None:
    """Open requests of the topic with their leases; None: the reader may not read."""
    try:
        engine = import_module(settings.SESSION_ENGINE)
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        request.session = engine.SessionStore(key)
        reader = get_user(request)
        if not Topic.objects.visible_to(reader).filter(pk=topic_id).exists():
            return None
        asks = Ask.objects.open().filter(post__topic=topic_id)
        rows = asks.values_list("request__public_id", "request__lease_token")
        return dict(rows)
    finally:
        connection.close()  # this thread is not Django's: give it back to the pool
