"""How log lines are written."""

import logging
import re

from core import correlation

# A sign-in link and an answer to "forgotten password" let in whoever has them.
_SECRET_PATH = re.compile(
    r"(/signin/|/accounts/password/reset/key/|/accounts/confirm-email/)[^\s\"'<>]+"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


class CorrelationFilter(logging.Filter):
    """Gives each record `correlation`: the id it belongs to, in brackets, or nothing."""

    def filter(self, record: logging.LogRecord) -> bool:
        correlation_id = correlation.current()
        record.correlation = f" [{correlation_id}]" if correlation_id else ""
        return True


class LineFormatter(logging.Formatter):
    """One record, one line: what others wrote cannot forge a line or steer a terminal.

    Of addresses that let somebody in, only the beginning is written. Tracebacks
    keep their lines, each marked as one.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        line = _SECRET_PATH.sub(r"\1...", super().formatMessage(record))
        return _CONTROL.sub(_escape, line)

    def formatException(self, ei: object) -> str:  # noqa: N802
        lines = super().formatException(ei).split("\n")  # type: ignore[arg-type]
        return "\n".join("| " + _CONTROL.sub(_escape, line) for line in lines)
