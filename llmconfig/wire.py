"""What one call puts on the wire and what comes back, seen below LiteLLM.

LiteLLM and the provider SDKs wrap errors in several layers and fill in what a provider
left out. Failures are therefore judged here, by status, bytes and our own errors.
"""

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import cast

import httpx

from core.errors import AddressDenied, BodyTooLarge, EncodingRefused, OutboundRefused
from core.network import GuardedTransport, origin
from llmconfig.errors import CallFailed
from llmconfig.failures import kind_of_error_object, kind_of_status, retry_after

_HEAD_BYTES = 4096
_TAIL_BYTES = 64


@dataclass
class Wire:
    """One call's traffic: the origin it may go to, and what was seen of the answer."""

    address: str
    has_key: bool
    response: httpx.Response | None = None
    error: Exception | None = None
    head: bytes = b""
    tail: bytes = b""

    def note(self, chunk: bytes) -> None:
        """Remember the beginning and the end of the body."""
        self.head += chunk[: _HEAD_BYTES - len(self.head)]
        self.tail = (self.tail + chunk[-_TAIL_BYTES:])[-_TAIL_BYTES:]

    @property
    def is_event_stream(self) -> bool:
        if self.response is None:
            return False
        content_type: str = self.response.headers.get("Content-Type", "")
        return "text/event-stream" in content_type.lower()

    @property
    def is_ended(self) -> bool:
        """Whether the protocol's own end mark came, not merely the end of the bytes."""
        return b"[DONE]" in self.tail or b"message_stop" in self.tail

    def kind_of_body(self) -> str:
        """The kind of a successful answer whose body is no event stream."""
        try:
            body = json.loads(self.head)
        except ValueError:
            return "malformed"
        error = body.get("error") if isinstance(body, dict) else None
        return kind_of_error_object(error) if error else "malformed"

    def explain(self, error: Exception) -> CallFailed:
        """The failure that ended the call with `error`."""
        cause = self.error or error
        if isinstance(cause, BodyTooLarge | EncodingRefused):
            return CallFailed("malformed", cause.message)
        if isinstance(cause, OutboundRefused):
            return CallFailed("unreachable", cause.message)
        if self.response is None:
            kind = _kind_of_transport_error(cause)
            return CallFailed(kind, is_unsent=kind == "bad_request")
        status = self.response.status_code
        if status >= 400:
            return CallFailed(
                kind_of_status(status, self.head.decode("utf-8", "replace")),
                status=status,
                retry_after=retry_after(self.response.headers.get("Retry-After", "")),
            )
        if isinstance(cause, httpx.TransportError):
            return CallFailed("overloaded")
        if not self.is_event_stream:
            return CallFailed(self.kind_of_body())
        return CallFailed(_kind_of_stream_error(error))

    async def close(self) -> None:
        """Close the connection unless the answer was read to its end."""
        if self.response is not None:
            with suppress(httpx.HTTPError):
                await self.response.aclose()


def _kind_of_transport_error(error: Exception) -> str:
    if isinstance(
        error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError
    ):
        return "overloaded"  # it was reached and broke off
    if isinstance(error, httpx.TransportError | ssl.SSLError | OSError):
        return "unreachable"
    return "bad_request"  # LiteLLM could not make a request of it


def _kind_of_stream_error(error: Exception) -> str:
    """The kind of an error event: the SDKs keep its object as `body`, or its message."""
    if isinstance(error, ValueError):
        return "malformed"
    body = getattr(error, "body", None)
    status = getattr(error, "status_code", None)
    if not body and isinstance(status, int):  # LiteLLM's, for Anthropic
        return kind_of_status(status, str(error))
    return kind_of_error_object(body or str(error))


current: ContextVar[Wire] = ContextVar("current_wire")


class TappedTransport(GuardedTransport):
    """The guarded transport, which notes what passes in the current call's `Wire`."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` if it goes to the call's own address; raise as the guard does."""
        wire = current.get()
        if wire.response is not None:
            # LiteLLM asks again, with less, after a 422. One call is one request.
            raise httpx.RequestError("second request", request=request)
        try:
            if origin(request.url) != origin(httpx.URL(wire.address)):
                raise AddressDenied  # and not the one that the key is for
            _strip(request, keep_key=wire.has_key)
            wire.response = await super().handle_async_request(request)
        except Exception as error:
            wire.error = error
            raise
        stream = cast(httpx.AsyncByteStream, wire.response.stream)
        wire.response.stream = _TappedStream(stream, wire)
        return wire.response


def _strip(request: httpx.Request, *, keep_key: bool) -> None:
    """Take out what the SDKs add: this machine's system, and a placeholder for a key."""
    request.headers["User-Agent"] = "FORLLM"
    for name in list(request.headers):
        # OpenAI's client looks at the one that stays when the answer is there.
        if name.startswith("x-stainless-") and name != "x-stainless-raw-response":
            del request.headers[name]
    if not keep_key:
        request.headers.pop("Authorization", None)
        request.headers.pop("X-Api-Key", None)


class _TappedStream(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, wire: Wire) -> None:
        self._stream = stream
        self._wire = wire

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                self._wire.note(chunk)
                yield chunk
        except Exception as error:
            self._wire.error = error
            raise

    async def aclose(self) -> None:
        await self._stream.aclose()
