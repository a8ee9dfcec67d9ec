"""Faults of the database: restarted, cut off at a commit, locked the wrong way round."""

import signal
import threading
import time

import httpx

from tests.faults import oracle
from tests.faults.proxy import open_door
from tests.faults.stage import (
    Stage,
    free_port,
    mark_of,
    patiently,
    wait_until,
)
from tests.faults.trials import Trial, fault

_RECOVERY_SECONDS = 30  # after the database is up again
_KINDS = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)


@fault(
    "F20", "PostgreSQL restarted under load: fast, immediate, kill -9", short=3, long=10
)
def restart(stage: Stage, trial: Trial) -> None:
    """A web server is asked all the while, and answers 200 or 503 with a page."""
    stage.retire()
    stage.have_workers(2)
    stage.room(8)
    stage.provider.always_answers(first_delay=0.3)
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = f"uvicorn forllm.asgi:application --port {port} --no-access-log".split()
    seen: dict[int, int] = {}
    stopping = threading.Event()

    def read() -> None:
        while not stopping.wait(0.2):
            try:
                page = httpx.get(address, timeout=30)
            except httpx.TransportError as error:
                trial.expect(False, f"no page: {error}")
                continue
            seen[page.status_code] = seen.get(page.status_code, 0) + 1
            trial.expect("Traceback" not in page.text, "a page shows a stack trace")
            is_asked_back = page.status_code == 200 or "Retry-After" in page.headers
            trial.expect(is_asked_back, "a page does not say when to come back")
            trial.expect(page.status_code in (200, 503), f"status {page.status_code}")

    static = {"SITE_URL": address}
    with stage.program("django", "collectstatic", "--noinput", name="static") as made:
        made.wait()
    with stage.program(*command, name="web", **static):
        wait_until(lambda: _answers(address), seconds=120)
        reader = threading.Thread(target=read)
        reader.start()
        try:
            for number in range(trial.n):
                patiently(lambda: stage.ask(16))
                time.sleep(stage.random.uniform(0.2, 1))
                up_at = stage.servers.restart_postgres(_KINDS[number % len(_KINDS)])
                trial.expect(stage.wait_quiet(90), "not all ended")
                trial.took(time.time() - up_at, most=_RECOVERY_SECONDS)
            trial.expect(
                wait_until(lambda: _answers(address), seconds=60), "the web is away"
            )
        finally:
            stopping.set()
            reader.join()
    trial.notes.append(f"pages by status: {seen}")
    # Asking again after a restart may have found the first try committed.
    stage.submitted = sum(oracle.statuses().values())


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz", timeout=30).status_code == 200
    except httpx.TransportError:
        return False


_CUTS = {
    "claim": 'UPDATE "queue_lane"',
    "freeze": 'INSERT INTO "queue_llmattempt"',
    "deliver": 'INSERT INTO "forum_post"',
}


@fault(
    "F21",
    "the connection cut at a COMMIT of claim, freeze or deliver",
    short=6,
    long=100,
)
def cut_at_commit(stage: Stage, trial: Trial) -> None:
    """Each time one ask; half of the commits reach the server before the cut."""
    stage.retire()
    stage.room(trial.n + 1)
    at_once = 10
    with open_door(stage.servers.sockets, stage.servers.folder) as door:
        stage.start_worker(threads=at_once, proxy=str(door.folder))
        left = trial.n
        while left:
            now = min(left, at_once)
            for number in range(now):
                where = list(_CUTS)[number % 3]
                door.cut_next(_CUTS[where], is_sent=stage.random.random() < 0.5)
            stage.ask(now)
            trial.expect(
                wait_until(lambda: door.is_idle, seconds=60), "a cut was not made"
            )
            trial.expect(stage.wait_quiet(90), "not all ended")
            left -= now
        trial.notes.append(
            f"{door.cuts[True]} cut after the commit, {door.cuts[False]} before"
        )
        stage.retire()


@fault(
    "F22", "a deadlock with the delivery, whose victim is the worker", short=2, long=20
)
def deadlock(stage: Stage, trial: Trial) -> None:
    stage.have_workers(1)
    stage.room(4)
    victims = 0
    for _ in range(trial.n):
        stage.provider.answers(first_delay=0.7)
        post = stage.new_post()
        before = len(stage.calls())
        ask = stage.ask_about(post, stage.members[0])
        stage.provider.wait_for(before + 1, seconds=60)
        victims += _lock_crosswise(post.topic_id, ask.request_id)
        trial.expect(stage.wait_quiet(60), "it did not end")
        calls = len(stage.calls()) - before
        trial.expect(calls == 1, f"{calls} calls")
    trial.notes.append(f"the worker was the victim {victims} of {trial.n} times")
    trial.expect(victims, "no deadlock was made")
    lapses = oracle.rows("SELECT count(*) FROM queue_llmrequest WHERE lapses > 0")[0][0]
    trial.expect(not lapses, f"{lapses} were left to lapse")


def _lock_crosswise(topic: int, request: int) -> bool:
    """Hold the topic, and want the request while the worker holds it and wants the topic.

    Returns whether the worker was the one to give way.
    """
    from django.db import OperationalError, connection, transaction

    waits = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND pid <> pg_backend_pid()"
    )
    try:
        with transaction.atomic():
            oracle.rows("SELECT 1 FROM forum_topic WHERE id = %s FOR UPDATE", topic)
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL deadlock_timeout = '20s'")
            wait_until(lambda: oracle.rows(waits)[0][0] > 0, seconds=10)
            oracle.rows(
                "SELECT 1 FROM queue_llmrequest WHERE id = %s FOR UPDATE", request
            )
    except OperationalError:
        return False
    return True


_IDLE = """
    SELECT query FROM pg_stat_activity WHERE state LIKE 'idle in%%'
    AND now() - state_change > interval '1 second'
"""


@fault("F24", "twenty calls at once: no transaction is open meanwhile", short=1, long=1)
def idle_in_transaction(stage: Stage, trial: Trial) -> None:
    """Sampled every half second; in the long form each call takes a minute."""
    stage.retire()
    seconds = 60 if stage.is_long else 5
    stage.room(20, seconds=120)
    for _ in range(4):
        stage.start_worker(threads=6)
    stage.provider.always_answers(first_delay=seconds)
    stage.ask(20)
    samples, idle = 0, set[str]()
    end = time.monotonic() + seconds + 60
    while stage.unfinished() and time.monotonic() < end:
        idle |= {row[0][-200:] for row in oracle.rows(_IDLE)}
        samples += 1
        time.sleep(0.5)
    trial.expect(not idle, f"idle in a transaction after {sorted(idle)}")
    trial.notes.append(f"{samples} samples")
    stage.retire()


_ODD_TEXTS = {
    "NUL": "Two\0hours.",
    "half a surrogate pair": "Two \ud83d hours.",
    "10^6 combining marks": "Z" + "\u0335" * 1_000_000,
    "bidi controls": "Two \u202ehours\u202c and \u2066more\u2069.",
    "invisible": "\u200b\u2060\ufeff",
    "tags": "Two\U000e0041\U000e0042 hours.",
}


@fault("F25", "replies that PostgreSQL or readers cannot take", short=1, long=10)
def odd_texts(stage: Stage, trial: Trial) -> None:
    from tests.fake_llm import Reply, Seen

    stage.have_workers(1)
    stage.room(4)
    names, texts = list(_ODD_TEXTS), list(_ODD_TEXTS.values())

    def answer(seen: Seen) -> Reply:
        text = texts[mark_of(seen) % len(texts)]
        # In pieces, as tokens come: what is too large at once is another row, F43.
        return Reply(text=text, chunks=max(2, len(text) // 20_000))

    stage.provider.answers_by(answer)
    stage.ask(trial.n * len(texts))
    trial.expect(stage.wait_quiet(60), "not all ended")
    claims = oracle.rows(
        r"""SELECT substring(p.body from '\[ask (\d+)\]')::int, count(*)
        FROM fault_history h JOIN forum_ask a USING (request_id)
        JOIN forum_post p ON p.id = a.post_id
        WHERE h.new = 'processing' GROUP BY h.request_id, p.body"""
    )
    for mark, count in claims:
        kind = names[mark % len(names)]
        # A text of nothing that can be seen is an empty answer, asked for once again.
        most = 2 if kind == "invisible" else 1
        trial.expect(count <= most, f"{count} claims of a request with {kind}")
    bad = oracle.rows(
        "SELECT id FROM forum_post WHERE body ~ '[\u202a-\u202e\u2066-\u2069]'"
    )
    trial.expect(not bad, f"bidi controls in {bad}")
    trial.notes.append(f"ended: {dict(oracle.statuses())}")
