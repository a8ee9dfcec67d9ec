"""What a request carries, read whole before a thread is taken for it.

A small body is held in memory. A large one, such as a form with photos, waits in a file
without a name where the system keeps temporary files; all together they have a limit, so
that slow senders fill neither, and those of one address have a lower one, so that one
sender does not keep everybody's photos out.
"""

import asyncio
from collections import Counter
from tempfile import SpooledTemporaryFile
from typing import Any

from django.conf import settings

# What is larger than this waits in a file.
MEMORY_BYTES = 512 * 1024
# Of all files of a process: fifteen forms with four photos of 8 MB.
MOST_WAITING_BYTES = 512 * 1024 * 1024
MOST_WAITING_BYTES_OF_ONE = MOST_WAITING_BYTES // 4
_CHUNK_BYTES = 256 * 1024
_waiting: Counter[str] = Counter()  # bytes by sender


class TooLarge(Exception):
    """More than MAX_REQUEST_BYTES."""


class TooSlow(Exception):
    """It did not arrive in the time it has."""


class Gone(Exception):
    """The sender left before the end."""


class NoRoom(Exception):
    """Too much is being sent to the site just now."""


class Body:
    """The body of one request; `close` it when that is answered."""

    def __init__(self, sender: str) -> None:
        self._sender = sender
        self._file = SpooledTemporaryFile[bytes](max_size=MEMORY_BYTES)
        self._bytes = 0
        self._bytes_in_file = 0
        self._is_read = False

    def add(self, data: bytes) -> None:
        """Take in what came next. Raises TooLarge or NoRoom."""
        self._bytes += len(data)
        if self._bytes > settings.MAX_REQUEST_BYTES:
            raise TooLarge
        if self._bytes > MEMORY_BYTES:
            self._take_room(self._bytes - self._bytes_in_file)
        try:
            self._file.write(data)
        except OSError:  # the disk is full
            raise NoRoom from None

    def _take_room(self, more: int) -> None:
        if (
            _waiting.total() + more > MOST_WAITING_BYTES
            or _waiting[self._sender] + more > MOST_WAITING_BYTES_OF_ONE
        ):
            raise NoRoom
        _waiting[self._sender] += more
        self._bytes_in_file += more

    def replayed(self, receive: Any) -> Any:
        """A `receive` that gives the body first, piece by piece, then what else happens."""
        self._file.seek(0)

        async def next_message() -> Any:
            if self._is_read:
                return await receive()
            data = self._file.read(_CHUNK_BYTES)
            self._is_read = self._file.tell() == self._bytes
            has_more = not self._is_read
            return {"type": "http.request", "body": data, "more_body": has_more}

        return next_message

    def close(self) -> None:
        """Let go of what it took."""
        _waiting[self._sender] -= self._bytes_in_file
        if not _waiting[self._sender]:
            del _waiting[self._sender]
        self._bytes_in_file = 0
        self._file.close()


async def read(scope: Any, receive: Any, *, sender: str) -> Body:
    """What the request carries, which came from the address `sender`.

    Raises TooLarge, TooSlow, Gone or NoRoom.
    """
    if _announced_bytes(scope) > settings.MAX_REQUEST_BYTES:
        raise TooLarge
    body = Body(sender)
    try:
        async with asyncio.timeout(_patience_seconds(scope)):
            await _fill(body, receive)
    except BaseException as error:
        body.close()
        if isinstance(error, TimeoutError):
            raise TooSlow from None
        raise
    return body


async def _fill(body: Body, receive: Any) -> None:
    has_more = True
    while has_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body.add(message.get("body", b""))
        has_more = message.get("more_body", False)


def _announced_bytes(scope: Any) -> int:
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    return int(announced[:20]) if announced.isdigit() else 0


def _patience_seconds(scope: Any) -> float:
    """How long the body may take: pictures over a slow line come in good faith."""
    size = min(_announced_bytes(scope), settings.MAX_REQUEST_BYTES)
    slowest = size / settings.SLOWEST_BYTES_PER_SECOND
    return settings.MAX_REQUEST_TIME.total_seconds() + slowest
