"""Leaving a service alone for a while after it failed."""

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
