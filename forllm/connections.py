"""Connections as uvicorn keeps them, except those that stay silent.

    uvicorn forllm.asgi:application --http forllm.connections:Protocol

uvicorn waits without end for the headers of a request, so that a thousand sockets which
send a byte each would leave no file descriptor for anybody else.
"""

import asyncio
from typing import Any

import h11
from django.conf import settings
from uvicorn.protocols.http.h11_impl import H11Protocol

# Well below --limit-concurrency, which counts these too.
MAX_SILENT = 250


class Protocol(H11Protocol):
    """Closes a connection whose request does not come in MAX_HEADER_TIME.

    When too many wait at once, the one that has waited longest goes first: a browser
    sends its request at once, and is done before its turn comes.
    """

    _silent: dict["Protocol", asyncio.TimerHandle] = {}  # of this process

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._begin_waiting()
        if len(self._silent) > MAX_SILENT:
            next(iter(self._silent)).transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._end_waiting()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._begin_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_waiting()
        super().connection_lost(exc)

    def _begin_waiting(self) -> None:
        seconds = settings.MAX_HEADER_TIME.total_seconds()
        timer = self.loop.call_later(seconds, self.transport.abort)
        self._end_waiting()
        self._silent[self] = timer

    def _end_waiting(self) -> None:
        timer = self._silent.pop(self, None)
        if timer is not None:
            timer.cancel()
