"""Leaving Valkey alone for a while after it could not be reached."""

import time

from django.conf import settings


class Pause:
    """After a failure nothing is tried for LLM_PUBLISH_PAUSE, so that pages stay quick."""

    def __init__(self) -> None:
        self._until = 0.0

    def is_on(self) -> bool:
        return time.monotonic() < self._until

    def begin(self) -> None:
        self._until = time.monotonic() + settings.LLM_PUBLISH_PAUSE.total_seconds()
