"""Two that do things at once, and whether one of them waits for the other."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from django.db import connection

from llmqueue.work import runner
from tests.conftest import wait_until
from tests.fake_llm import FakeLLM


def start(work: Callable[[], Any]) -> Future[Any]:
    """Do `work` in a thread with a connection of its own."""

    def run() -> Any:
        try:
            return work()
        finally:
            connection.close()

    pool = ThreadPoolExecutor(1)
    future = pool.submit(run)
    pool.shutdown(wait=False)
    return future


def run_while(
    fake_llm: FakeLLM,
    meddle: Callable[[], Any],
    *,
    run: Callable[[], Any] = runner.run_next,
) -> None:
    """Run the next request, and call `meddle` between its call and the answer."""
    before = len(fake_llm.calls())
    fake_llm.gate.clear()

    def wait_and_meddle() -> None:
        try:
            fake_llm.wait_for(before + 1)
            meddle()
        finally:
            fake_llm.gate.set()

    meddled = start(wait_and_meddle)
    run()
    meddled.result(60)


def wait_until_blocked(*futures: Future[Any]) -> None:
    """Return when as many as these wait for locks in the database, or one is done."""
    wait_until(
        lambda: any(it.done() for it in futures) or _blocked_count() >= len(futures)
    )


def _blocked_count() -> int:
    with connection.cursor() as cursor:
        # Inside a transaction the first look is remembered otherwise.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE"
            " datname = current_database() AND wait_event_type = 'Lock'"
        )
        count: int = cursor.fetchone()[0]
        return count
