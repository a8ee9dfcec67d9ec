"""What one worker process does about all its running calls at once.

One thread: every second one query finds the calls whose request was cancelled or taken
over and cuts them; every heartbeat one statement renews all leases and one row says
that this worker is alive.
"""

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from core import correlation
from llmconfig.client import CallHandle
from llmqueue.error_log import ErrorLog
from llmqueue.models import LLMRequest, Stop, WorkerHeartbeat

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
# Why a call is cut, in the log and in its failure.
_LOST = "lost", "cancelled"
_STOPPED = "stopped", "interrupted"
# A watch that waits for a database which is gone does not hold up the end.
STOP_SECONDS = 2.0


class _Call(NamedTuple):
    """One running call, and the id that its log lines have."""

    handle: CallHandle
    correlation_id: str


class Control:
    """The running calls of this process by their lease token."""

    def __init__(self) -> None:
        self._calls: dict[uuid.UUID, _Call] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        # Without a database leases lapse and the fence keeps results single.
        self._errors = ErrorLog(log, foreseen=(OperationalError, InterfaceError))
        self.is_stopping = False
        self.name = f"{socket.gethostname()}:{os.getpid()}"

    def start(self, *, sweep: Callable[[], None] | None = None) -> None:
        """Begin to watch; does nothing while it watches.

        `sweep` is called every LLM_SWEEP on the watching thread, so that lost requests
        are taken back also while every other thread is in a call.
        """
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            self._ended.clear()
            self._thread = threading.Thread(
                target=self._run, args=[sweep], name="queue-control", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """End the watch, after the last call; a call that still runs will lapse."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    @contextmanager
    def watch(self, lease_token: uuid.UUID) -> Iterator[CallHandle]:
        """A handle for one call, which is cut when the lease is no longer held."""
        handle = CallHandle()
        with self._lock:
            self._calls[lease_token] = _Call(handle, correlation.current())
            if self.is_stopping:
                handle.cancel("interrupted")
        try:
            yield handle
        finally:
            with self._lock:
                del self._calls[lease_token]

    def interrupt_all(self) -> None:
        """Cut every call because this process is about to end; their work goes back."""
        with self._lock:
            self.is_stopping = True
            for call in self._calls.values():
                call.handle.cancel("interrupted")

    def _run(self, sweep: Callable[[], None] | None) -> None:
        next_beat = next_sweep = 0.0
        while not self._ended.wait(CHECK_SECONDS):
            now = time.monotonic()
            # A beat that failed is due again at the next look: leases hang on it.
            if now >= next_beat and self._did("beat", self._beat):
                next_beat = now + settings.LLM_HEARTBEAT.total_seconds()
            self._did("cut", self._cut_lost)
            if sweep is not None and now >= next_sweep:
                next_sweep = now + settings.LLM_SWEEP.total_seconds()
                self._did("sweep", sweep)
            self._did("give back the connection", connection.close)

    def _did(self, name: str, duty: Callable[[], None]) -> bool:
        """Do one duty; whether it succeeded. What fails keeps no other from its turn."""
        try:
            duty()
        except Exception as error:  # a thread that ends would let every lease lapse
            self._errors.failed(f"control: {name}", error)
            return False
        self._errors.succeeded(f"control: {name}")
        return True

    def _tokens(self) -> list[uuid.UUID]:
        with self._lock:
            return list(self._calls)

    def _beat(self) -> None:
        tokens = self._tokens()
        if tokens:
            LLMRequest.objects.held_by(tokens).update(
                lease_until=Now() + settings.LLM_LEASE
            )
        WorkerHeartbeat.objects.update_or_create(
            name=self.name,
            defaults={"seen_at": Now(), "running_count": len(tokens)},
        )

    def _cut_lost(self) -> None:
        """Cut the calls whose lease is gone, and those that a stop wants cut."""
        tokens = self._tokens()
        if not tokens:
            return
        cutting = Stop.objects.against(
            endpoint=OuterRef("last_attempt__endpoint"),
            persona=OuterRef("answerer"),
            place=(OuterRef("place_kind"), OuterRef("place_key")),
        ).filter(cuts_running=True)
        held = dict(
            LLMRequest.objects.held_by(tokens)
            .annotate(is_stopped=Exists(cutting))
            .values_list("lease_token", "is_stopped")
        )
        with self._lock:
            for token in set(tokens).intersection(self._calls):
                if held.get(token) is False:
                    continue
                why, kind = _STOPPED if token in held else _LOST
                call = self._calls[token]
                with correlation.correlated(call.correlation_id):
                    log.info("control: lease %s %s, its call is cut", token, why)
                call.handle.cancel(kind)


control = Control()
