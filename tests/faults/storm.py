"""All faults at once: a thousand asks while everything is killed, emptied, restarted."""

import random
import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable

from tests.fake_llm import Reply
from tests.faults import oracle
from tests.faults.provider import mixed
from tests.faults.stage import ANSWER, RECOVERY, Stage, patiently
from tests.faults.trials import Trial
from tests.faults.workers import recoveries

_WORKERS = 4
_ASKS_A_SECOND = 6
_MOST_SECONDS = 480
# Seconds between two of each kind, drawn anew each time.
_PAUSES = {"kill": (2, 4), "flush": (10, 25), "broker": (20, 40), "database": (15, 35)}


def rage(stage: Stage, trial: Trial) -> None:
    """`trial.n` asks in the storm; it ends when nine in ten have, then all is let be."""
    stage.retire()
    stage.room(16, seconds=5)
    usual = Reply(text=ANSWER, first_delay=0.2, chunks=4, delay=0.1)
    stage.provider.answers_by(mixed(stage, usual=usual, share=0.5))
    schedule = str(stage.servers.folder / "schedule")
    beat = ("celery", "-A", "forllm.beat", "beat", "-s", schedule)
    asker = threading.Thread(target=_ask, args=(stage, trial.n))
    done: Counter[str] = Counter()
    begun = time.monotonic()
    with stage.program(*beat, name="beat"):
        stage.have_workers(_WORKERS)
        asker.start()
        _strike(stage, trial, asker, done, begun)
        asker.join()
        stage.have_workers(_WORKERS)
        quiet_from = time.monotonic()
        left = _MOST_SECONDS - (quiet_from - begun)
        is_quiet = stage.wait_quiet(max(left, 0) + 60)
        trial.expect(is_quiet, "not all ended")
    found = recoveries(stage)
    trial.took(*found)
    late = sum(seconds > RECOVERY for seconds in found)
    trial.notes += [
        f"struck: {dict(done)}",
        f"ended: {dict(oracle.statuses())}, {time.monotonic() - quiet_from:.0f} s after"
        " the last strike",
        f"errors: {dict(oracle.rows(_ERRORS))}",
        f"{len(found)} calls cut; called again after {statistics.median(found):.1f} s"
        f" in the median, {max(found):.1f} s at most, {late} after more than"
        f" {RECOVERY:g} s"
        if found
        else "no call was cut",
    ]


_ERRORS = """
SELECT error_class, count(*) FROM queue_llmrequest WHERE status = 'error' GROUP BY 1
"""


def _ask(stage: Stage, count: int) -> None:
    """Ask as members do: again with the same token when the site was away."""
    from django.db import InterfaceError, OperationalError, connection

    pace = random.Random(stage.random.random())
    for number in range(count):
        post = patiently(stage.new_post)
        member = stage.members[number % len(stage.members)]
        while True:
            try:
                stage.ask_about(post, member, key=f"storm-{number}")
                break
            except (OperationalError, InterfaceError):
                connection.close()
                time.sleep(0.5)
        time.sleep(pace.uniform(0, 2 / _ASKS_A_SECOND))
    connection.close()


def _strike(
    stage: Stage,
    trial: Trial,
    asker: threading.Thread,
    done: Counter[str],
    begun: float,
) -> None:
    blows: dict[str, Callable[[], object]] = {
        "kill": lambda: stage.random.choice(stage.workers).kill(),
        "flush": stage.servers.flush,
        "broker": stage.servers.restart_valkey,
        "database": lambda: stage.servers.restart_postgres(
            stage.random.choice([signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
        ),
    }
    due = {
        name: time.monotonic() + stage.random.uniform(*_PAUSES[name]) for name in blows
    }
    while time.monotonic() - begun < _MOST_SECONDS:
        if not asker.is_alive() and patiently(stage.unfinished) < trial.n / 10:
            return
        time.sleep(0.1)
        for name, at in due.items():
            if time.monotonic() >= at:
                blows[name]()
                done[name] += 1
                due[name] = time.monotonic() + stage.random.uniform(*_PAUSES[name])
        # A supervisor starts at once what has died.
        stage.workers = [worker for worker in stage.workers if worker.is_alive]
        while len(stage.workers) < _WORKERS:
            stage.start_worker(is_awaited=False)
