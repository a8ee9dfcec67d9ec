"""What a thread that must go on does about trouble: wait a while, complain once."""

import logging
import time

from django.conf import settings


class Pause:
    """After Valkey failed it is left alone for LLM_PUBLISH_PAUSE: pages stay quick."""

    def __init__(self) -> None:
        self._until = 0.0

    def is_on(self) -> bool:
        """Whether nothing should be tried now."""
        return time.monotonic() < self._until

    def begin(self) -> None:
        """Try nothing from now on, for a while."""
        self._until = time.monotonic() + settings.LLM_PUBLISH_PAUSE.total_seconds()


class Complaints:
    """Errors nobody foresaw, in a thread whose end would harm more than going on.

    Each kind is logged once with its traceback; a loop that fails every second would
    otherwise fill the disk.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._known: set[tuple[str, type[Exception]]] = set()

    def note(self, doing: str, error: Exception) -> None:
        """Log `error`, which came while `doing`, unless its kind is known."""
        kind = (doing, type(error))
        if kind not in self._known:
            self._known.add(kind)
            self._log.error("%s failed; going on", doing, exc_info=error)
