"""Words as they arrive, from a worker into Valkey: see `live.channels`."""

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import redis
from django.conf import settings

from llmqueue.error_log import ErrorLog
from llmqueue.live.channels import TIMEOUT_SECONDS, channel_of, text_key
from llmqueue.pause import Pause

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.1
TEXT_KEPT_SECONDS = 3600

_pause = Pause()
_client: redis.Redis | None = None


def _valkey() -> redis.Redis:
    global _client
    if _client is None:
        _client = redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
        )
    return _client


def announce(public_ids: Iterable[uuid.UUID]) -> None:
    """Tell open pages that these requests have a new state; losing this does no harm."""
    if _pause.is_on():
        return
    try:
        pipeline = _valkey().pipeline(transaction=False)
        for public_id in public_ids:
            pipeline.publish(channel_of(public_id), json.dumps({"state": True}))
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
    key = text_key(stream.public_id, stream.lease_token)
    write = pipeline.set if news["restart"] or news["at"] == 0 else pipeline.append
    write(key, news["text"])
    pipeline.expire(key, TEXT_KEPT_SECONDS)
    pipeline.publish(channel_of(stream.public_id), json.dumps(news))


publisher = Publisher()
