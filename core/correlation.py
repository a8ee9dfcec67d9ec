"""One id for a web request, the work it asks for and the log lines of both."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# As long as the column of a request's row, and nothing that could forge a log line.
_ACCEPTED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_current: ContextVar[str] = ContextVar("correlation_id", default="")


def current() -> str:
    """The id of what this thread or coroutine works for; blank: nothing in particular."""
    return _current.get()


def new() -> str:
    """An id that nothing has yet."""
    return uuid.uuid4().hex


def begin(given: str) -> str:
    """Take `given` as the id from here on, if it may be one, else a new one; return it.

    It lasts as long as the context, which web servers make for each request.
    """
    correlation_id = given if _ACCEPTED.fullmatch(given) else new()
    _current.set(correlation_id)
    return correlation_id


@contextmanager
def correlated(correlation_id: str) -> Iterator[None]:
    """Work for this id meanwhile, and for the one before again afterwards."""
    token = _current.set(correlation_id)
    try:
        yield
    finally:
        _current.reset(token)
