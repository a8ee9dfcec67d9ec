"""The process's one event loop, on a thread of its own, for calls to other machines."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

# Name look-ups and LiteLLM's request building run on these; a look-up may hang.
_HELPER_THREADS = 64
_starting = threading.Lock()


@cache
def _start() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(_HELPER_THREADS, "event-loop-helper"))
    threading.Thread(target=loop.run_forever, name="event-loop", daemon=True).start()
    return loop


def event_loop() -> asyncio.AbstractEventLoop:
    """The running loop, started when it is first wanted."""
    with _starting:  # `cache` alone would let two first callers start two
        return _start()


def submit[T](work: Coroutine[object, object, T]) -> Future[T]:
    """Start `work` on the loop; the calling thread may wait for the future."""
    return asyncio.run_coroutine_threadsafe(work, event_loop())
