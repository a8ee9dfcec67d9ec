"""What a thread that must go on logs about the errors of its duties."""

import logging
import time
from dataclasses import dataclass

# A duty that goes on failing is told of so often; some are done ten times a second.
REPEAT_SECONDS = 60.0


@dataclass
class _Failing:
    """A failure that goes on: how often it came, and when it is told of again."""

    count: int = 0
    next_at: float = 0.0


class ErrorLog:
    """Errors in a thread whose end would harm more than going on.

    The first of a kind is logged, then one line a minute with a count, until the duty
    succeeds. `foreseen` errors are warnings; others come with their traceback.
    """

    def __init__(
        self, log: logging.Logger, *, foreseen: tuple[type[Exception], ...] = ()
    ) -> None:
        self._log = log
        self._foreseen = foreseen
        self._failing: dict[str, dict[type[Exception], _Failing]] = {}

    def failed(self, duty: str, error: Exception) -> None:
        """Count `error`, which came of `duty`, and log it if it is time."""
        kinds = self._failing.setdefault(duty, {})
        failing = kinds.setdefault(type(error), _Failing())
        failing.count += 1
        now = time.monotonic()
        if failing.count > 1 and now < failing.next_at:
            return
        failing.next_at = now + REPEAT_SECONDS
        is_foreseen = isinstance(error, self._foreseen)
        self._log.log(
            logging.WARNING if is_foreseen else logging.ERROR,
            "%s failed; going on: %s, %s so far",
            duty,
            type(error).__name__,
            failing.count,
            exc_info=None if is_foreseen else error,
        )

    def succeeded(self, duty: str) -> None:
        """Forget its failures: the next is a first one again."""
        self._failing.pop(duty, None)
