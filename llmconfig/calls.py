"""What a call to a model is made of, what it gives, and how it is ended early."""

import asyncio
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from core.event_loop import event_loop
from llmconfig.prices import Price


@dataclass(frozen=True)
class Image:
    """A picture in a message, as JPEG."""

    jpeg: bytes = field(repr=False)


@dataclass(frozen=True)
class Call:
    """All that one call needs.

    `protocol` is "openai" or "anthropic"; `address` the base URL; `key` may
    be empty for a service that needs none. `parameters`: sampling parameters by our own
    names, those that the protocol does not know are left out. `messages`: oldest first,
    each {"role", "content"}, the content a text or a list of texts and Images. `prices`: a
    provider's name in LiteLLM's price table, or empty. `price`: what staff
    entered, which comes before that table.
    """

    protocol: str
    address: str
    model: str
    key: str = field(repr=False)
    parameters: dict[str, Any]
    messages: list[dict[str, Any]] = field(repr=False)
    deadline: timedelta
    prices: str = ""
    price: Price | None = None


@dataclass(frozen=True)
class Answer:
    """What a model gave. `finish_reason` is OpenAI's word for its end; empty: unknown.

    `refusal` is the provider's own refusal field. A number that was not given, or
    cannot be true, is None.
    """

    text: str
    finish_reason: str
    refusal: str
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: Decimal | None
    first_text_seconds: float | None
    total_seconds: float


class CallHandle:
    """Lets another thread end a call; its connection is closed at once."""

    def __init__(self) -> None:
        self.kind = ""
        self._lock = threading.Lock()
        self._task: asyncio.Task[Any] | None = None

    def cancel(self, kind: str = "cancelled") -> None:
        """End the call, now or as it begins, with a CallFailed of this kind."""
        with self._lock:
            self.kind = self.kind or kind
            if self._task is not None:
                event_loop().call_soon_threadsafe(self._task.cancel)

    def watch(self, task: "asyncio.Task[Any] | None") -> bool:
        """Remember the task that runs the call; False if the call is already cancelled."""
        with self._lock:
            self._task = task
            return not self.kind
