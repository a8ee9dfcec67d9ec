"""Words as they arrive: from a worker, through Valkey, to the pages that are open.

Live text is provisional. When Valkey is away it is simply not shown; the reply itself
never depends on it. Per request there is a string with the text so far, under the
request and its lease, and a channel that carries what is added and "look again".
"""

import asyncio
import json
import logging
import threading
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import redis
import redis.asyncio
from django.conf import settings

from llmqueue.error_log import ErrorLog
from llmqueue.pause import Pause

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.1
TEXT_KEPT_SECONDS = 3600
_TIMEOUT_SECONDS = 1.5


def _text_key(public_id: uuid.UUID, lease_token: uuid.UUID) -> str:
    return f"live:text:{public_id}:{lease_token}"


def _channel(public_id: uuid.UUID) -> str:
    return f"live:{public_id}"


_pause = Pause()
_client: redis.Redis | None = None


def _valkey() -> redis.Redis:
    global _client
    if _client is None:
        _client = redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
        )
    return _client


def announce(public_ids: Iterable[uuid.UUID]) -> None:
    """Tell open pages that these requests have a new state; losing this does no harm."""
    if _pause.is_on():
        return
    try:
        pipeline = _valkey().pipeline(transaction=False)
        for public_id in public_ids:
            pipeline.publish(_channel(public_id), json.dumps({"state": True}))
        pipeline.execute()
    except redis.RedisError as error:
        _pause.begin()
        log.warning("live: not announced: %s", type(error).__name__)


@dataclass(eq=False)
class Stream:
    """The text of one running call, published every tenth of a second.

    `clean` turns the raw text so far into what may be shown. `add` is called with raw
    deltas from any thread and never waits.
    """

    public_id: uuid.UUID
    lease_token: uuid.UUID
    clean: Callable[[str], str]
    _raw: list[str] = field(default_factory=list)
    _sent: str = ""
    _published_raw: int = 0
    _must_restart: bool = False

    def add(self, delta: str) -> None:
        """Take in what the model wrote next, as it came."""
        self._raw.append(delta)

    def take_news(self) -> dict[str, Any] | None:
        """What readers lack: {"lease", "at", "text", "restart"}; None if nothing."""
        count = len(self._raw)
        if count == self._published_raw:
            return None
        self._published_raw = count
        text = self.clean("".join(self._raw[:count]))
        if text == self._sent and not self._must_restart:
            return None
        restart = self._must_restart or not text.startswith(self._sent)
        start = 0 if restart else len(self._sent)
        news = {
            "lease": str(self.lease_token),
            "at": start,
            "text": text[start:],
            "restart": restart,
        }
        self._sent, self._must_restart = text, False
        return news

    def forget_sent(self) -> None:
        """Let the next news be the whole text: whether the last arrived is not known."""
        self._published_raw, self._must_restart = 0, True


class Publisher:
    """One thread a process that publishes all running streams together."""

    def __init__(self) -> None:
        self._streams: set[Stream] = set()
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._errors = ErrorLog(log)

    def open(self, stream: Stream) -> None:
        """Publish `stream` until `close`."""
        with self._lock:
            self._streams.add(stream)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="live-publisher", daemon=True
                )
                self._thread.start()
        self._wanted.set()

    def close(self, stream: Stream) -> None:
        """Publish what is left of `stream` no more; its reply is about to appear."""
        with self._lock:
            self._streams.discard(stream)
            if not self._streams:
                self._wanted.clear()
                # Not whenever one is cleaned: beside it another may fail all the time.
                self._errors.succeeded("live: cleaning")

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            time.sleep(FLUSH_SECONDS)
            with self._lock:
                streams = list(self._streams)
            try:
                self.flush(streams)
            except Exception as error:  # the thread serves every stream to come
                self._errors.failed("live: publishing", error)
            else:
                self._errors.succeeded("live: publishing")

    def flush(self, streams: list[Stream]) -> None:
        """Publish what is new in `streams`, all in one go; not while Valkey is away."""
        if _pause.is_on():
            return
        news_of = [
            (stream, news) for stream in streams if (news := self._news_of(stream))
        ]
        if not news_of:
            return
        try:
            pipeline = _valkey().pipeline(transaction=False)
            for stream, news in news_of:
                _add(pipeline, stream, news)
            pipeline.execute()
        except Exception as error:
            for stream, _ in news_of:
                stream.forget_sent()
            if not isinstance(error, redis.RedisError):
                raise
            _pause.begin()
            log.warning("live: not published: %s", type(error).__name__)

    def _news_of(self, stream: Stream) -> dict[str, Any] | None:
        """The stream's news; one that cannot be cleaned holds up no other."""
        try:
            return stream.take_news()
        except Exception as error:
            self._errors.failed("live: cleaning", error)
            return None


def _add(pipeline: Any, stream: Stream, news: dict[str, Any]) -> None:
    key = _text_key(stream.public_id, stream.lease_token)
    write = pipeline.set if news["restart"] or news["at"] == 0 else pipeline.append
    write(key, news["text"])
    pipeline.expire(key, TEXT_KEPT_SECONDS)
    pipeline.publish(_channel(stream.public_id), json.dumps(news))


publisher = Publisher()


class Listener:
    """The subscriptions of one web process.

    Two connections, however many readers: one that listens, one that reads texts.
    """

    def __init__(self) -> None:
        self._queues: dict[str, set[asyncio.Queue[dict[str, Any] | None]]] = {}
        self._client: redis.asyncio.Redis = redis.asyncio.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=_TIMEOUT_SECONDS
        )
        self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)
        self._reader: asyncio.Task[None] | None = None
        # Two that subscribe at once on a fresh connection would each open one.
        self._subscribing = asyncio.Lock()
        self._reading = asyncio.Lock()

    async def follow(
        self, leases: dict[uuid.UUID, uuid.UUID | None], *, has_words: bool = True
    ) -> AsyncGenerator[tuple[uuid.UUID, dict[str, Any]]]:
        """Yield (public_id, news) for these requests until the connection ends.

        `leases` maps each request to its lease token as last read. A late reader first
        gets the text so far; news is what `Stream.take_news` gives, or {"state": True},
        and without `has_words` the latter alone. Raises redis.RedisError when Valkey is away.
        """
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(maxsize=1000)
        channels = {_channel(public_id): public_id for public_id in leases}
        for name in channels:
            self._queues.setdefault(name, set()).add(queue)
        try:
            async with self._subscribing:
                await self._pubsub.subscribe(*channels)
                if self._reader is None or self._reader.done():
                    self._reader = asyncio.create_task(self._read())
            lengths: dict[uuid.UUID, tuple[str, int]] = {}
            for public_id, lease in leases.items():
                text = await self._text_so_far(public_id, lease) if has_words else ""
                lengths[public_id] = (str(lease), len(text))
                if text:
                    yield public_id, {"at": 0, "text": text, "restart": True}
            while (message := await queue.get()) is not None:
                if not has_words and "state" not in message["news"]:
                    continue
                public_id = channels[message["channel"]]
                news = await self._complete(message["news"], lengths, public_id)
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
            raw: Any = await self._client.get(_text_key(public_id, lease))
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
