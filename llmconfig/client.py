"""The only door to a model: one guarded call under one deadline.

LiteLLM knows the protocols and the prices. It gets our HTTP client, no retries, no
callbacks and no environment to find keys or addresses in. Its import costs 1.2 s and
110 MB, so it waits for the first call and never happens in the web process.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from core.event_loop import event_loop, submit
from core.network import GuardedClient
from llmconfig import wire
from llmconfig.environment import clear_environment
from llmconfig.errors import CallFailed
from llmconfig.providers import PROVIDERS
from llmconfig.tokens import count_tokens

__all__ = [
    "Answer",
    "Call",
    "CallFailed",
    "CallHandle",
    "complete",
    "count_tokens",
    "warm_up",
]

# Anthropic wants a limit with every call.
ANTHROPIC_MAX_TOKENS = 4096
# No call has more; a provider that says so has miscounted.
_MOST_TOKENS = 100_000_000
_NO_KEY = "none"

_PARAMETERS = {
    "openai": {
        "temperature",
        "top_p",
        "frequency_penalty",
        "presence_penalty",
        "max_tokens",
    },
    "anthropic": {"temperature", "top_p", "top_k", "max_tokens"},
}
# Not OpenAI's, but taken by most servers that speak its protocol. These are strict.
_EXTRA_PARAMETERS = {"top_k", "repetition_penalty"}
_STRICT_HOSTS = {
    "api.openai.com",
    "api.groq.com",
    "api.mistral.ai",
    "generativelanguage.googleapis.com",
}

clear_environment()


@dataclass(frozen=True)
class Call:
    """All that one call needs.

    `route` is the protocol, "openai" or "anthropic"; `address` the base URL; `key` may
    be empty for a service that needs none. `parameters`: sampling parameters by our own
    names, those that the route does not know are left out. `messages`: oldest first,
    each {"role", "content"}. `prices`: a provider's name in LiteLLM's price table, or
    empty.
    """

    route: str
    address: str
    model: str
    key: str = field(repr=False)
    parameters: dict[str, Any]
    messages: list[dict[str, str]] = field(repr=False)
    deadline: timedelta
    prices: str = ""


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


def warm_up() -> None:
    """Load LiteLLM and the tokeniser now, so that no call has to wait for them."""
    _litellm()
    count_tokens("ready")


def complete(
    call: Call,
    *,
    on_text: Callable[[str], None] | None = None,
    handle: CallHandle | None = None,
) -> Answer:
    """Call the model and wait for its answer, given to `on_text` piece by piece.

    `on_text` runs on the event loop's thread and must not block; the caller holds no
    database connection. Raises CallFailed, at `call.deadline` at the latest. What was
    filtered, refused or cut off comes back as an answer that says so.
    """
    _litellm()  # the slow import belongs to this thread, not to everybody's loop
    handle = handle or CallHandle()
    try:
        return submit(_run(_Reading(call, on_text), handle)).result()
    except CancelledError:  # it came while the connection was being closed
        raise CallFailed(handle.kind or "interrupted") from None


async def _run(reading: "_Reading", handle: CallHandle) -> Answer:
    """Make one call; every way in which it can end is here."""
    if not handle.watch(asyncio.current_task()):
        raise CallFailed(handle.kind)
    call = reading.call
    traffic = wire.Wire(address=call.address, has_key=bool(call.key))
    wire.current.set(traffic)
    try:
        async with asyncio.timeout(call.deadline.total_seconds()):
            async for chunk in await _open_stream(call):
                reading.take(chunk)
                if reading.is_full:
                    break
        failure = _failure_of_end(reading, traffic)
    except TimeoutError:
        failure = CallFailed("timed_out")
    except asyncio.CancelledError:
        failure = CallFailed(handle.kind or "interrupted")
    except CallFailed as error:
        failure = error
    except Exception as error:
        failure = traffic.explain(error)
        if failure.kind == "bad_request" and traffic.response is None:
            _log.warning("LiteLLM made no request: %s", type(error).__name__)
    finally:
        handle.watch(None)
        await traffic.close()
    if failure is None:
        return reading.answer()
    failure.partial = reading.answer()
    raise failure


def _failure_of_end(reading: "_Reading", traffic: wire.Wire) -> CallFailed | None:
    """What was wrong with a stream that ended by itself; None if it is an answer."""
    if reading.is_full:
        return None
    if not traffic.is_event_stream:
        return CallFailed(traffic.kind_of_body())
    if not reading.finish_reason:
        if not traffic.is_ended:
            return CallFailed("overloaded" if traffic.head else "malformed")
        if reading.call.route == "anthropic":  # LiteLLM skips events it cannot read
            return CallFailed("malformed")
    if reading.is_silent:
        return CallFailed("empty")
    return None


class _Reading:
    """What has been read of one answer."""

    def __init__(self, call: Call, on_text: Callable[[str], None] | None) -> None:
        self.call = call
        self.finish_reason = ""
        self._on_text = on_text
        self._started = time.monotonic()
        self._first_text_seconds: float | None = None
        self._parts: list[str] = []
        self._chars = 0
        self._refusal = ""
        self._tokens_in: int | None = None
        self._tokens_out: int | None = None

    @property
    def is_full(self) -> bool:
        """Longer than any reply may be; the rest is not waited for."""
        return self._chars > settings.LLM_MAX_REPLY_CHARS

    @property
    def is_silent(self) -> bool:
        """Without text, and without a refusal or filter that would explain it."""
        if self._refusal or self.finish_reason == "content_filter":
            return False
        return not "".join(self._parts).strip()

    def take(self, chunk: Any) -> None:
        """Take in one chunk of OpenAI's form, of which any part may be missing."""
        self._take_usage(getattr(chunk, "usage", None))
        for choice in (getattr(chunk, "choices", None) or [])[:1]:
            self.finish_reason = str(
                getattr(choice, "finish_reason", None) or self.finish_reason
            )
            delta = getattr(choice, "delta", None)
            refusal = getattr(delta, "refusal", None)
            if isinstance(refusal, str):
                self._refusal += refusal[: settings.LLM_MAX_REPLY_CHARS]
            # A model's reasoning has fields of its own and is not part of the answer.
            text = getattr(delta, "content", None)
            if isinstance(text, str) and text:
                self._take_text(text)

    def _take_text(self, text: str) -> None:
        if self._first_text_seconds is None:
            self._first_text_seconds = time.monotonic() - self._started
        text = text[: settings.LLM_MAX_REPLY_CHARS + 1 - self._chars]
        self._chars += len(text)
        self._parts.append(text)
        if self._on_text is not None:
            self._on_text(_storable(text))

    def _take_usage(self, usage: Any) -> None:
        if usage is not None:
            self._tokens_in = _tokens(getattr(usage, "prompt_tokens", None))
            self._tokens_out = _tokens(getattr(usage, "completion_tokens", None))

    def answer(self) -> Answer:
        """What there is so far."""
        text = _storable("".join(self._parts))
        # LiteLLM writes 0 where Anthropic's protocol left a number out.
        tokens_in = self._tokens_in or None
        tokens_out = None if text and self._tokens_out == 0 else self._tokens_out
        return Answer(
            text=text[: settings.LLM_MAX_REPLY_CHARS],
            finish_reason="length" if self.is_full else self.finish_reason,
            refusal=_storable(self._refusal),
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cost_usd=_cost(self.call, tokens_in, tokens_out),
            first_text_seconds=self._first_text_seconds,
            total_seconds=time.monotonic() - self._started,
        )


def _tokens(number: object) -> int | None:
    """A token count that can be true, else None."""
    if isinstance(number, int) and not isinstance(number, bool):
        return number if 0 <= number <= _MOST_TOKENS else None
    return None


def _cost(call: Call, tokens_in: int | None, tokens_out: int | None) -> Decimal | None:
    """The price by LiteLLM's table; None if usage or the model's price is not known."""
    if not call.prices or tokens_in is None or tokens_out is None:
        return None
    try:
        costs = _litellm().cost_per_token(
            model=call.model,
            prompt_tokens=tokens_in,
            completion_tokens=tokens_out,
            custom_llm_provider=call.prices,
        )
    except Exception:  # it raises a bare Exception for a model it does not know
        return None
    total = sum((Decimal(str(cost)) for cost in costs), Decimal(0))
    return max(Decimal(0), round(total, 8))


def _storable(text: str) -> str:
    """`text` without what PostgreSQL cannot hold: NUL, and halves of surrogate pairs."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "")


_log = logging.getLogger(__name__)


@cache
def _litellm() -> Any:
    """LiteLLM, imported on first use, with all that it does unasked switched off."""
    import litellm  # noqa: TID251
    from litellm.llms.custom_httpx import http_handler  # noqa: TID251

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.disable_streaming_logging = True
    litellm.disable_hf_tokenizer_download = True
    litellm.drop_params = True
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "openai", "httpcore"):
        # Below this they write prompts and headers.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # For models with protocols of their own LiteLLM makes itself a client.
    setattr(  # noqa: B010  # mypy takes no assignment to a method
        http_handler.AsyncHTTPHandler, "create_client", lambda *_, **__: _new_client()
    )
    litellm.module_level_aclient.client = _http_client()
    litellm.aclient_session = _http_client()
    return litellm


def _new_client() -> GuardedClient:
    return GuardedClient(wire.TappedTransport())


@cache
def _http_client() -> GuardedClient:
    """The process's one client; used on the event loop only."""
    return _new_client()


async def _open_stream(call: Call) -> AsyncIterator[Any]:
    """Send the request; return the chunks of the answer, in OpenAI's form.

    They are read from LiteLLM's inner stream: its wrapper would count tokens itself
    where the provider did not, and take three times the processor.
    """
    if not call.key and _needs_key(call):
        raise CallFailed("key_refused", "There is no key for this provider.")
    wrapper = await _litellm().acompletion(
        model=f"{call.route}/{call.model}",
        messages=[
            {"role": message["role"], "content": _storable(message["content"])}
            for message in call.messages
        ],
        api_base=call.address,
        api_key=call.key or _NO_KEY,
        client=_sdk(call),
        stream=True,
        stream_options={"include_usage": True},
        timeout=call.deadline.total_seconds(),
        max_retries=0,
        num_retries=0,
        # Some model names would otherwise be sent to another API than the call's.
        _skip_responses_api_bridge=True,
        **_sent_parameters(call),
    )
    return wrapper.completion_stream  # type: ignore[no-any-return]


def _needs_key(call: Call) -> bool:
    """Whether the provider takes no call without a key, by its protocol or its host."""
    host = urlsplit(call.address).hostname
    return call.route == "anthropic" or any(
        provider.needs_key and host == urlsplit(provider.api_base).hostname
        for provider in PROVIDERS.values()
        if provider.api_base
    )


def _sent_parameters(call: Call) -> dict[str, Any]:
    """The parameters that the provider takes, as arguments for LiteLLM."""
    given = {
        name: value for name, value in call.parameters.items() if value is not None
    }
    sent = {name: given[name] for name in given.keys() & _PARAMETERS[call.route]}
    if call.route == "anthropic":
        sent.setdefault("max_tokens", ANTHROPIC_MAX_TOKENS)
    elif urlsplit(call.address).hostname not in _STRICT_HOSTS:
        extra = {name: given[name] for name in given.keys() & _EXTRA_PARAMETERS}
        if extra:
            sent["extra_body"] = extra
    return sent


def _sdk(call: Call) -> Any:
    """What LiteLLM sends with on this route: our client inside the wrapping it expects."""
    if call.route == "anthropic":
        return _anthropic_handler()
    from openai import AsyncOpenAI

    return AsyncOpenAI(
        api_key=call.key or _NO_KEY,
        base_url=call.address,
        http_client=_http_client(),
        max_retries=0,
    )


@cache
def _anthropic_handler() -> Any:
    from litellm.llms.custom_httpx.http_handler import (  # noqa: TID251
        AsyncHTTPHandler,
    )

    class Handler(AsyncHTTPHandler):
        """LiteLLM's handler without its second try after a connection error."""

        async def post(
            self, url: str, *, data: str, headers: dict[str, str], **_: Any
        ) -> Any:
            request = self.client.build_request(
                "POST", url, content=data, headers=headers
            )
            response = await self.client.send(request, stream=True)
            response.raise_for_status()
            return response

    handler = Handler()
    handler.client = _http_client()
    return handler
