"""The place in a worker process for a request at its last chance: there is one.

Such a request may be what kills its workers, and one more ends it. In one process with
others at their last chance it would end them too, who lost theirs through it alone.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_place = threading.Lock()


class Step:
    """What one thread does from a claim to the end of what it claimed."""

    def __init__(self, place: threading.Lock | None = None) -> None:
        """`place`: that of the process; None: one that no other step can take."""
        self._place = place or threading.Lock()
        self._has_place = False

    def take_place(self) -> bool:
        """Have the place until the step ends; False if another step has it."""
        self._has_place = self._place.acquire(blocking=False)
        return self._has_place

    def leave(self) -> None:
        """Let another step have the place, if this one had it."""
        if self._has_place:
            self._has_place = False
            self._place.release()


@contextmanager
def step() -> Iterator[Step]:
    """A step of this process; however it ends, the place is free again."""
    begun = Step(_place)
    try:
        yield begun
    finally:
        begun.leave()
