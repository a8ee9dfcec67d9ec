"""Words as they arrive, from Valkey to the readers of one web process."""

import asyncio
import json
import logging
import uuid
from collections.abc import AsyncGenerator, Collection
from typing import Any

import redis
import redis.asyncio
from django.conf import settings

from llmqueue.live.channels import TIMEOUT_SECONDS, channel_of, text_key

log = logging.getLogger(__name__)


class Listener:
    """The subscriptions of one web process.

    Two connections, however many readers: one that listens, one that reads texts.
    """

    def __init__(self) -> None:
        self._queues: dict[str, set[asyncio.Queue[dict[str, Any] | None]]] = {}
        self._client: redis.asyncio.Redis = redis.asyncio.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=TIMEOUT_SECONDS
        )
        self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)
        self._reader: asyncio.Task[None] | None = None
        # Two that subscribe at once on a fresh connection would each open one.
        self._subscribing = asyncio.Lock()
        self._reading = asyncio.Lock()

    async def follow(
        self,
        leases: dict[uuid.UUID, uuid.UUID | None],
        *,
        heard: Collection[uuid.UUID] | None = None,
    ) -> AsyncGenerator[tuple[uuid.UUID, dict[str, Any]]]:
        """Yield (public_id, news) for these requests until the connection ends.

        `leases` maps each request to its lease token as last read. A late reader first
        gets the text so far; news is what `Stream.take_news` gives, or {"state": True}.
        `heard`: the words of these alone, under the leases given; None: of all.
        Raises redis.RedisError when Valkey is away.
        """
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(maxsize=1000)
        channels = {channel_of(public_id): public_id for public_id in leases}
        for name in channels:
            self._queues.setdefault(name, set()).add(queue)
        try:
            async with self._subscribing:
                await self._pubsub.subscribe(*channels)
                if self._reader is None or self._reader.done():
                    self._reader = asyncio.create_task(self._read())
            lengths: dict[uuid.UUID, tuple[str, int]] = {}
            for public_id, lease in leases.items():
                is_heard = heard is None or public_id in heard
                text = await self._text_so_far(public_id, lease) if is_heard else ""
                lengths[public_id] = (str(lease), len(text))
                if text:
                    yield public_id, {"at": 0, "text": text, "restart": True}
            while (message := await queue.get()) is not None:
                public_id, news = channels[message["channel"]], message["news"]
                if heard is not None and "lease" in news:
                    checked = str(leases[public_id]) if public_id in heard else ""
                    if news["lease"] != checked:
                        continue
                news = await self._complete(news, lengths, public_id)
                if news is not None:
                    yield public_id, news
        finally:
            await self._leave(queue, list(channels))

    async def _complete(
        self,
        news: dict[str, Any],
        lengths: dict[uuid.UUID, tuple[str, int]],
        public_id: uuid.UUID,
    ) -> dict[str, Any] | None:
        """`news` as this reader needs it; the whole text when its beginning was missed."""
        if "lease" in news and news["lease"] != lengths[public_id][0] and news["at"]:
            text = await self._text_so_far(public_id, uuid.UUID(news["lease"]))
            lengths[public_id] = (news["lease"], len(text))
            return {"at": 0, "text": text, "restart": True}
        return _unseen(news, lengths, public_id)

    async def _text_so_far(self, public_id: uuid.UUID, lease: uuid.UUID | None) -> str:
        if lease is None:
            return ""
        async with self._reading:
            raw: Any = await self._client.get(text_key(public_id, lease))
        return raw.decode() if raw else ""

    async def _leave(self, queue: "asyncio.Queue[Any]", channels: list[str]) -> None:
        empty = []
        for name in channels:
            readers = self._queues.get(name, set())
            readers.discard(queue)
            if not readers:
                self._queues.pop(name, None)
                empty.append(name)
        async with self._subscribing:
            gone = [name for name in empty if name not in self._queues]
            try:
                if gone:
                    await self._pubsub.unsubscribe(*gone)
            except redis.RedisError:
                log.info("live: Valkey was away while a reader left")

    async def _read(self) -> None:
        try:
            async for message in self._pubsub.listen():
                name = message["channel"].decode()
                entry = {"channel": name, "news": json.loads(message["data"])}
                for queue in self._queues.get(name, ()):
                    if not queue.full():  # a reader that does not read loses words
                        queue.put_nowait(entry)
        except redis.RedisError as error:
            log.warning("live: reading ended: %s", type(error).__name__)
        finally:
            for readers in self._queues.values():
                for queue in readers:
                    if not queue.full():
                        queue.put_nowait(None)


def _unseen(
    news: dict[str, Any],
    lengths: dict[uuid.UUID, tuple[str, int]],
    public_id: uuid.UUID,
) -> dict[str, Any] | None:
    """`news` without what this reader has; None if there is nothing left of it."""
    if "state" in news:
        return news
    lease, have = lengths[public_id]
    at, text = news["at"], news["text"]
    restart = news["restart"] or news["lease"] != lease
    if not restart and at + len(text) <= have:
        return None
    if not restart and at < have:
        at, text = have, text[have - at :]
    lengths[public_id] = (news["lease"], at + len(text))
    return {"at": at, "text": text, "restart": restart}


_listeners: dict[int, Listener] = {}


def listener() -> Listener:
    """The listener of the running event loop."""
    loop = id(asyncio.get_running_loop())
    if loop not in _listeners:
        _listeners[loop] = Listener()
    return _listeners[loop]
