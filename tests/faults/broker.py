"""Faults of the broker: away, silent, emptied, restarted; messages lost and doubled."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import redis

from tests.faults import oracle
from tests.faults.stage import LEASE, SWEEP, Stage, wait_until
from tests.faults.trials import Trial, fault

# Reliability's PENDING_RESCUE, shrunk, and a sweep: when a forgotten request starts.
_RESCUE = LEASE + SWEEP
_POST_SECONDS = 2.0
# A worker that sweeps so seldom does in a test only what messages tell it.
_NO_SWEEP_SECONDS = 120


@contextmanager
def _always_tried() -> Iterator[None]:
    """No pause after a failure here, so that each page meets the broker as it is."""
    from django.conf import settings

    kept = settings.LLM_PUBLISH_PAUSE
    settings.LLM_PUBLISH_PAUSE = timedelta(0)
    try:
        yield
    finally:
        settings.LLM_PUBLISH_PAUSE = kept


def press(stage: Stage, post: Any, member: Any, **fields: Any) -> tuple[int, float]:
    """Press the button as a browser does; the answer's status, and seconds."""
    from django.test import Client

    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(member)
    begun = time.monotonic()
    answer = client.post(f"/posts/{post.pk}/ask/", {"persona": "", **fields})
    return answer.status_code, time.monotonic() - begun


def _ask_without(stage: Stage, trial: Trial) -> None:
    """`trial.n` asks by page while the broker is away, and what became of them."""
    with _always_tried():
        for _ in range(trial.n):
            status, seconds = press(stage, stage.new_post(), stage.members[0])
            stage.submitted += 1
            trial.expect(status == 302, f"the page answered {status}")
            trial.took(seconds, most=_POST_SECONDS)
    trial.notes.append(f"slowest POST {trial.slowest_seconds or 0:.2f} s")


def _back_again(stage: Stage, trial: Trial, back_at: float) -> None:
    trial.expect(stage.wait_quiet(60 + trial.n), "not all ended")
    starts = [calls[0].at - back_at for calls in stage.calls_by_mark().values()]
    late = max(starts, default=0)
    trial.within(late, _RESCUE, "the last start after the broker was back")
    trial.notes.append(f"the last call began {late:.1f} s after the broker was back")


@fault("F10", "the broker refuses connections while members ask", short=3, long=20)
def refused(stage: Stage, trial: Trial) -> None:
    stage.have_workers(1)
    stage.room(8)
    stage.servers.stop_valkey()
    try:
        _ask_without(stage, trial)
    finally:
        stage.servers.start_valkey()
    _back_again(stage, trial, time.time())


@fault("F11", "the broker takes connections and never answers", short=2, long=20)
def black_hole(stage: Stage, trial: Trial) -> None:
    stage.have_workers(1)
    stage.room(8)
    stage.servers.freeze_valkey()
    try:
        _ask_without(stage, trial)
    finally:
        stage.servers.thaw_valkey()
    _back_again(stage, trial, time.time())


def _lose_all(stage: Stage, trial: Trial, lose: Any) -> None:
    stage.have_workers(2)
    stage.room(4)
    stage.provider.always_answers(first_delay=0.2)
    stage.ask(trial.n)
    stage.provider.wait_for(4, seconds=60)
    lose()
    lost_at = time.time()
    before = len(stage.calls())
    trial.expect(stage.wait_quiet(60 + trial.n), "not all ended")
    complete = oracle.statuses()["complete"]
    trial.expect(complete == trial.n, f"{complete} of {trial.n} complete")
    trial.expect(len(stage.calls()) == trial.n, f"{len(stage.calls())} calls")
    gaps = [seen.at for seen in stage.calls()[before:]][:1]
    trial.took(*(at - lost_at for at in gaps), most=_RESCUE)


@fault("F12", "FLUSHALL with all pending and four running", short=40, long=200)
def flush(stage: Stage, trial: Trial) -> None:
    _lose_all(stage, trial, stage.servers.flush)


@fault("F13", "kill -9 of the broker, started again empty", short=40, long=200)
def restart_empty(stage: Stage, trial: Trial) -> None:
    _lose_all(stage, trial, stage.servers.restart_valkey)


@fault("F14", "restarts of the broker during load", short=2, long=20)
def restarts(stage: Stage, trial: Trial) -> None:
    """After each one a new ask must begin; nobody is alive but deaf to messages."""
    stage.have_workers(2)
    stage.room(8)
    for _ in range(trial.n):
        stage.ask(10)
        time.sleep(stage.random.uniform(0, 1))
        stage.servers.restart_valkey()
        back_at = time.time()
        before = len(stage.calls())
        stage.ask(1)
        trial.expect(
            wait_until(lambda before=before: len(stage.calls()) > before, seconds=60),  # type: ignore[misc]
            "no worker took work within 60 s",
        )
        trial.took(time.time() - back_at)
    stage.wait_quiet(60)
    _hear_alone(stage, trial)


def _hear_alone(stage: Stage, trial: Trial) -> None:
    """One worker, whose sweep is far away, does what a message asks after a restart."""
    stage.retire()
    stage.start_worker(sweep_seconds=_NO_SWEEP_SECONDS)
    for _ in range(trial.n):
        stage.servers.restart_valkey()
        stage.ask(1)
        trial.expect(stage.wait_quiet(_NO_SWEEP_SECONDS / 2), "the worker is deaf")
    stage.retire()


@fault(
    "F15",
    "each message ten times to four workers, then old ones again",
    short=5,
    long=300,
)
def repeats(stage: Stage, trial: Trial) -> None:
    from llmqueue import tasks

    stage.have_workers(4, threads=2)
    stage.room(8)
    left = trial.n
    while left:
        now = min(left, 20)
        stage.ask(now)
        for _ in range(10 * now):
            tasks.nudge()
        stage.wait_quiet(60)
        left -= now
    for _ in range(10):
        tasks.nudge()
    time.sleep(0.5)
    calls = len(stage.calls())
    trial.expect(calls == trial.n, f"{calls} calls for {trial.n} asks")


@fault("F16", "a call four times as long as the visibility timeout", short=1, long=5)
def visibility(stage: Stage, trial: Trial) -> None:
    stage.retire()
    stage.room(8, seconds=60)
    for _ in range(2):
        stage.start_worker(threads=4, visibility_timeout=2)
    stage.provider.always_answers(first_delay=8)
    stage.ask(trial.n)
    trial.expect(stage.wait_quiet(90), "it did not end")
    trial.expect(len(stage.calls()) == trial.n, f"{len(stage.calls())} calls")
    stage.retire()


@fault("F17", "the broker is out of memory, then read-only", short=2, long=20)
def full(stage: Stage, trial: Trial) -> None:
    stage.have_workers(1)
    stage.room(8)
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        for name in ("maxmemory", "min-replicas-to-write"):
            client.config_set(name, "1")
            try:
                _ask_without(stage, trial)
            finally:
                client.config_set(name, "0")
    back_at = time.time()
    if not stage.workers[0].is_alive:
        trial.notes.append(
            "a broker that takes no writes ends the worker, inside kombu"
        )
        stage.have_workers(1)  # as its supervisor does
    _back_again(stage, trial, back_at)


@fault("F18", "messages of no meaning", short=8, long=40)
def garbage(stage: Stage, trial: Trial) -> None:
    """Kombu itself ends at bytes that are no message; then the next worker goes on."""
    from forllm.celery import app

    worker = stage.have_workers(1)[0]
    stage.ask(2)
    stage.wait_quiet(30)
    before = oracle.rows("SELECT id, status FROM queue_llmrequest ORDER BY id")
    for at in range(trial.n):
        match at % 3:
            case 0:
                app.send_task("llmqueue.no_such_task", args=[1])
            case 1:
                app.send_task("llmqueue.work", args=[987654321])
            case 2:
                app.send_task("llmqueue.work", kwargs={"request_id": -1})
    time.sleep(1)
    trial.expect(worker.is_alive, "the worker died")
    after = oracle.rows("SELECT id, status FROM queue_llmrequest ORDER BY id")
    trial.expect(before == after, "rows were changed")
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.lpush("forllm", b"\x00 not a message")
    wait_until(lambda: not worker.is_alive, seconds=2)
    stage.ask(2)
    is_quiet = stage.wait_quiet(60, workers=1)  # as its supervisor does
    trial.expect(is_quiet, "no worker takes work any more")
    if not worker.is_alive:
        trial.notes.append("bytes that are no message end the worker, inside kombu")


def in_threads(count: int, work: Any) -> None:
    """Do `work(number)` in `count` threads at once."""
    from django.db import connection

    start = threading.Barrier(count)

    def one(number: int) -> None:
        start.wait()
        try:
            work(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(at,)) for at in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
