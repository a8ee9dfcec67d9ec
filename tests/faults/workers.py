"""Faults of workers: killed, stopped, told to end, always killed by the same request."""

import signal
import threading
import time
from itertools import pairwise
from typing import Any

from tests.fake_llm import Reply
from tests.faults import oracle
from tests.faults.stage import LEASE, RECOVERY, SWEEP, Stage, wait_until
from tests.faults.trials import Trial, fault

# When an ask was claimed, by the database's own note of every change of its status.
_CLAIMS = r"""
    SELECT substring(p.body from '\[ask (\d+)\]')::int, extract(epoch from h.at)::float
    FROM fault_history h JOIN forum_ask a ON a.request_id = h.request_id
    JOIN forum_post p ON p.id = a.post_id
    WHERE h.old = 'pending' AND h.new = 'processing' ORDER BY h.at
"""


def recoveries(stage: Stage) -> list[float]:
    """From the cut of a call to the next call for that post, by the provider's log.

    A worker that claimed it meanwhile may be killed before it calls. That is a second
    crash: its claim ends one recovery and begins another.
    """
    claims: dict[int, list[float]] = {}
    for mark, at in oracle.rows(_CLAIMS):
        claims.setdefault(mark or 0, []).append(at)
    found = []
    for mark, calls in stage.calls_by_mark().items():
        for cut, following in pairwise(calls):
            if cut.ended != "client closed" or cut.ended_at is None:
                continue
            between = [it for it in claims.get(mark, []) if cut.ended_at < it]
            # The last claim before the next call is that call's own.
            crashed = [it for it in between if it < following.at][:-1]
            moments = [cut.ended_at, *crashed, following.at]
            found += [after - before for before, after in pairwise(moments)]
    return found


@fault("F01", "kill -9 of a worker during its call", short=3, long=100)
def kill_in_call(stage: Stage, trial: Trial) -> None:
    """Ten workers with a call each are killed; one that lives takes all of it over."""
    stage.retire()
    stage.room(10)
    left = trial.n
    while left:
        now, before = min(left, 10), len(stage.calls())
        stage.provider.answers(mode="hang", times=now)
        victims = [stage.start_worker(threads=1, is_awaited=False) for _ in range(now)]
        stage.ask(now)
        stage.provider.wait_for(before + now, seconds=60)
        for victim in victims:
            time.sleep(stage.random.uniform(0, 0.1))
            victim.kill()
        rescuer = stage.start_worker()
        trial.expect(stage.wait_quiet(60), "not all ended")
        rescuer.kill()
        left -= now
    found = recoveries(stage)
    trial.took(*found, most=RECOVERY)
    trial.expect(len(found) == trial.n, f"{len(found)} calls made again")
    calls = len(stage.calls())
    trial.expect(calls == 2 * trial.n, f"{calls} calls, two each wanted")


@fault("F02", "kill -9 of one of four workers every 3 s", short=2, long=300)
def kill_at_random(stage: Stage, trial: Trial) -> None:
    stage.retire()
    stage.room(12)
    stage.provider.always_answers(first_delay=0.5)
    least, pauses = (1000, (2, 4)) if stage.is_long else (0, (1, 2))
    kills = 0
    due = time.monotonic() + 2
    while kills < trial.n or stage.submitted < least:
        stage.have_workers(4)
        if stage.unfinished() < 30:
            stage.ask(10)
        if time.monotonic() >= due and kills < trial.n:
            stage.random.choice(stage.workers).kill()
            kills += 1
            due = time.monotonic() + stage.random.uniform(*pauses)
        time.sleep(0.05)
    stage.have_workers(4)
    stage.wait_quiet(90)
    found = recoveries(stage)
    trial.took(*found, most=RECOVERY)
    trial.expect(found or not stage.is_long, "no kill cut a call")
    trial.notes.append(f"{len(found)} calls were cut")
    trial.notes.append(f"{kills} kills among {stage.submitted} asks")


def _die_at(stage: Stage, place: str, count: int) -> None:
    """`count` asks and, one after another, workers that die at `place`."""
    stage.retire()
    stage.room(count + 1)
    stage.ask(count)
    end = time.monotonic() + 20 + 40 * count
    while stage.unfinished() and time.monotonic() < end:
        worker = stage.start_worker(threads=1, fail=place, is_awaited=False)
        wait_until(
            lambda worker=worker: not worker.is_alive or not stage.unfinished(),  # type: ignore[misc]
            seconds=20,
        )
    stage.retire()


@fault("F03", "death between the answer and its first commit", short=2, long=50)
def die_before_settling(stage: Stage, trial: Trial) -> None:
    """The answer is paid for and unknown: the ask is called again, and both show."""
    _die_at(stage, "before settling", trial.n)
    wrong = {
        mark: len(calls)
        for mark, calls in stage.calls_by_mark().items()
        if len(calls) != 2
    }
    trial.expect(not wrong, f"not two calls each: {wrong}")
    unknown = oracle.rows(
        "SELECT count(*) FROM queue_llmattempt WHERE outcome = 'unknown'"
    )[0][0]
    trial.expect(unknown == trial.n, f"{unknown} attempts are unknown")
    kept = stage.submitted
    # A second place: the answer is noted, so nothing is bought twice.
    before = len(stage.calls())
    _die_at(stage, "after settling", trial.n if stage.is_long else 1)
    again = len(stage.calls()) - before
    trial.expect(again == stage.submitted - kept, f"{again} calls after settling")
    trial.notes.append(f"the same after settling: {again} calls")


@fault(
    "F04",
    "death between the commit of a reply and the end of its task",
    short=2,
    long=50,
)
def die_after_delivering(stage: Stage, trial: Trial) -> None:
    from llmqueue import tasks

    _die_at(stage, "after delivering", trial.n)
    stage.have_workers(1)
    for _ in range(trial.n):
        tasks.nudge()
    time.sleep(1)
    calls = len(stage.calls())
    trial.expect(calls == trial.n, f"{calls} calls for {trial.n} asks")


@fault("F05", "SIGTERM with ten calls running", short=1, long=10)
def terminate(stage: Stage, trial: Trial) -> None:
    for _ in range(trial.n):
        stage.retire()
        stage.room(10)
        seen = len(stage.calls())
        stage.provider.answers(mode="hang", times=10)
        worker = stage.start_worker(threads=12)
        stage.ask(10)
        stage.provider.wait_for(seen + 10, seconds=60)
        begun = time.time()
        worker.send_signal(signal.SIGTERM)
        trial.expect(
            wait_until(lambda worker=worker: not worker.is_alive, seconds=15),  # type: ignore[misc]
            "it did not end within 15 s",
        )
        lapsed = oracle.rows(
            "SELECT count(*) FROM queue_llmrequest WHERE lapses > 0 OR"
            " status = 'processing'"
        )[0][0]
        trial.expect(not lapsed, f"{lapsed} were not given back")
        stage.start_worker(threads=12)
        trial.expect(stage.wait_quiet(60), "they did not end")
        again = [call.at - begun for call in stage.calls()[seen + 10 :]]
        trial.took(*again, most=SWEEP + 5)


@fault("F06", "a request that always kills its worker", short=1, long=5)
def poison(stage: Stage, trial: Trial) -> None:
    from llmconfig.models import AISettings

    stage.retire()
    stage.room(8)
    stage.provider.always_answers(first_delay=0.2)
    config = stage.make_config("Poison", stage.endpoint, model="poison")
    victim = stage.members[4]
    AISettings.objects.create(user=victim, default_config=config)
    poisoned = []
    for _ in range(trial.n):
        post = stage.new_post(victim)
        poisoned.append(stage.ask_about(post, victim).request_id)
        for member in stage.members[:4]:
            for _ in range(5):
                stage.ask_about(stage.new_post(), member)

        def look() -> bool:
            while sum(worker.is_alive for worker in stage.workers) < 4:
                stage.start_worker(fail="poison", is_awaited=False)
            return stage.unfinished() == 0

        trial.expect(wait_until(look, seconds=180), "not all ended")
    AISettings.objects.filter(user=victim).delete()
    ends = oracle.rows(
        "SELECT id, status, error_class, (SELECT count(*) FROM fault_history h WHERE"
        " h.request_id = r.id AND h.new = 'processing') FROM queue_llmrequest r"
        " WHERE id = ANY(%s)",
        poisoned,
    )
    trial.expect(
        all(end[1:] == ("error", "crashed", 3) for end in ends), f"poison: {ends}"
    )
    others = oracle.statuses()["complete"]
    trial.expect(others == 20 * trial.n, f"{others} of {20 * trial.n} others complete")
    trial.notes.append(f"{others} others complete beside {trial.n} poisoned")
    stage.retire()


@fault("F07", "SIGSTOP of a worker past its lease, then SIGCONT", short=4, long=50)
def zombie(stage: Stage, trial: Trial) -> None:
    """The other worker replies; the zombie's own answers come to nothing."""
    stage.retire()
    stage.room(2 * trial.n)
    gate = stage.hold(trial.n, Reply(text="Late."))
    sleeper = stage.start_worker(threads=trial.n + 1)
    stage.ask(trial.n)
    stage.provider.wait_for(trial.n, seconds=60)
    sleeper.send_signal(signal.SIGSTOP)
    stopped = time.time()
    gate.set()
    stage.start_worker()
    is_quiet = stage.wait_quiet(60)
    trial.expect(is_quiet, "the other worker did not reply")
    trial.took(time.time() - stopped, most=RECOVERY + 5)
    if stage.is_long:
        time.sleep(max(0.0, 3 * LEASE - (time.time() - stopped)))
    sleeper.send_signal(signal.SIGCONT)

    def noticed() -> int:
        text = sleeper.text
        return text.count("its call is cut") + text.count("is dropped")

    wait_until(lambda: noticed() >= trial.n, seconds=60)
    lost = noticed()
    trial.expect(lost >= trial.n, f"the zombie noticed {lost} lost leases")
    late = oracle.rows("SELECT count(*) FROM forum_post WHERE body = 'Late.'")[0][0]
    trial.expect(not late, f"{late} replies of the zombie")
    stage.retire()


@fault("F08", "all workers dead, then one starts", short=20, long=200)
def nobody_there(stage: Stage, trial: Trial) -> None:
    from django.test import Client

    from forum.models import Ask

    stage.retire()
    stage.room(1)
    requests = stage.ask(trial.n)
    time.sleep(60 if stage.is_long else 3.5)
    ask = Ask.objects.get(request_id=requests[0])
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(stage.members[0])
    address = ask.get_absolute_url()
    page = client.get(address, headers={"HX-Request": "true"}).content.decode()
    trial.expect("no worker is running" in page, "the ask's line does not say it")
    begun = time.time()
    stage.start_worker()
    trial.expect(stage.wait_quiet(100 + 10 * trial.n), "the backlog did not drain")
    trial.notes.append(f"{trial.n} drained in {time.time() - begun:.1f} s")
    order = oracle.rows("SELECT id FROM queue_llmrequest ORDER BY claimed_at, turn, id")
    wanted = oracle.rows("SELECT id FROM queue_llmrequest ORDER BY turn, id")
    trial.expect(order == wanted, "they were not taken in the order of their turns")


@fault("F09", "the sweeper against a worker that finishes", short=40, long=1000)
def race(stage: Stage, trial: Trial) -> None:
    """Both in threads here, with a random wait in the sweeper after it has read."""
    from django.db import connection

    from llmqueue.work import outcomes, sweeper

    stage.retire()
    stage.submitted = 0
    complete = pending = 0
    for _ in range(trial.n):
        request, attempt = _lapsed(stage)
        before, reading, between = (stage.random.uniform(0, 0.01) for _ in range(3))
        start = threading.Barrier(2)

        def dawdle(
            execute: Any, query: str, *rest: Any, between: float = between
        ) -> Any:
            if query.startswith("UPDATE") and '"lapses" =' in query:
                time.sleep(between)
            return execute(query, *rest)

        def finish(
            attempt: Any = attempt,
            before: float = before,
            start: threading.Barrier = start,
        ) -> None:
            connection.ensure_connection()
            start.wait()
            time.sleep(before)
            outcomes.deliver(attempt, _verdict())
            connection.close()

        thread = threading.Thread(target=finish)
        with connection.execute_wrapper(dawdle):
            thread.start()
            start.wait()
            time.sleep(reading)
            sweeper.sweep()
            thread.join()
        request.refresh_from_db()
        replies = oracle.rows(
            "SELECT count(*) FROM forum_ask WHERE request_id = %s AND reply_id"
            " IS NOT NULL",
            request.pk,
        )[0][0]
        wanted = {("complete", 1, 0), ("pending", 0, 1)}
        state = (request.status, replies, request.lapses)
        trial.expect(state in wanted, f"request {request.pk}: {state}")
        complete += request.status == "complete"
        pending += request.status == "pending"
        if request.status == "pending":
            _end(request)
    trial.notes.append(f"the worker won {complete} times, the sweeper {pending}")
    # No call was made for these attempts, so the oracle has nothing to compare them with.
    stage.fresh()


def _verdict() -> Any:
    from llmqueue.answers.judging import Verdict
    from llmqueue.models import Outcome

    return Verdict(Outcome.ANSWERED, "Two hours.")


def _end(request: Any) -> None:
    """Take a request that waits out of the way."""
    from llmqueue import services

    services.cancel(request=request, reason="The race is over.")


def _lapsed(stage: Stage) -> tuple[Any, Any]:
    """A request whose call has just ended, a moment after its lease ran out."""
    from django.db.models.functions import Now

    from llmqueue.models import LLMRequest
    from llmqueue.work import claims, freezing

    stage.ask()
    request = claims.take()
    assert request is not None
    frozen = freezing.freeze(request)
    LLMRequest.objects.filter(pk=request.pk).update(lease_until=Now())
    return request, frozen.attempt
