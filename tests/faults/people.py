"""Faults that people make: pressing twice, deleting, locking, editing, leaving."""

import time
from collections.abc import Callable
from typing import Any

from tests.fake_llm import Reply
from tests.faults import oracle
from tests.faults.broker import in_threads, press
from tests.faults.stage import ANSWER, Stage, mark_of, wait_until
from tests.faults.trials import Trial, fault

_AT_ONCE = 20
_CUT_SECONDS = 2.0


@fault("F50", "twenty presses at once of one button, with one token", short=2, long=100)
def press_often(stage: Stage, trial: Trial) -> None:
    import uuid

    stage.have_workers(1)
    stage.room(8)
    statuses: list[int] = []
    for _ in range(trial.n):
        post, token = stage.new_post(), str(uuid.uuid4())
        in_threads(
            _AT_ONCE,
            lambda _, post=post, token=token: statuses.append(
                press(stage, post, stage.members[1], key=token)[0]
            ),
        )
        stage.submitted += 1
    trial.expect(set(statuses) == {302}, f"the pages answered {set(statuses)}")
    rows = sum(oracle.statuses().values())
    trial.expect(rows == trial.n, f"{rows} requests for {trial.n} tokens")
    trial.expect(stage.wait_quiet(60), "not all ended")
    trial.notes.append(f"{len(statuses)} presses, {rows} requests")


def _pending_and_running(
    stage: Stage, trial: Trial, act: Callable[[Any], None]
) -> tuple[list[Any], list[Any]]:
    """`trial.n` asks that wait and as many that run when `act` is done to each.

    Returns (waiting, running) once all have ended.
    """
    stage.retire()
    stage.room(trial.n)
    gate = stage.hold(trial.n, Reply(text="Too late."))
    author = stage.members[2]
    asks = [stage.ask_about(stage.new_post(author), author) for _ in range(2 * trial.n)]
    stage.start_worker(threads=trial.n + 1)
    stage.provider.wait_for(trial.n, seconds=60)
    running_marks = {mark_of(seen) for seen in stage.calls()}
    running = [ask for ask in asks if _mark(ask) in running_marks]
    waiting = [ask for ask in asks if _mark(ask) not in running_marks]
    # Those that wait first: each running one that is cut lets another begin.
    for ask in (*waiting, *running):
        act(ask)
    gate.set()
    trial.expect(stage.wait_quiet(60), "not all ended")
    trial.expect(
        len(running) == len(waiting) == trial.n,
        f"{len(running)} ran and {len(waiting)} waited",
    )
    return waiting, running


def _mark(ask: Any) -> int:
    return int(ask.post.body.rpartition(" ")[2].rstrip("]"))


def _expect_cancelled(stage: Stage, trial: Trial, waiting: list[Any]) -> None:
    """All are cancelled, nothing was posted, nothing was called for those that waited."""
    states = dict(oracle.statuses())
    trial.expect(
        states == {"cancelled": 2 * trial.n}, f"ended as {states}, all cancelled wanted"
    )
    posts = oracle.rows(
        "SELECT id FROM forum_post WHERE persona_version_id IS NOT NULL"
    )
    trial.expect(not posts, f"{len(posts)} replies")
    waited = {_mark(ask) for ask in waiting}
    calls = [seen for seen in stage.calls() if mark_of(seen) in waited]
    trial.expect(not calls, f"{len(calls)} calls for what only waited")


@fault(
    "F51",
    "the post deleted or the topic locked, while it waits and while it runs",
    short=2,
    long=20,
)
def take_away(stage: Stage, trial: Trial) -> None:
    from forum.models import Topic
    from forum.services import posts

    def delete(ask: Any) -> None:
        posts.delete_post(post=ask.post, actor=ask.post.author)

    def lock(ask: Any) -> None:
        Topic.objects.filter(pk=ask.post.topic_id).update(is_locked=True)

    for act in (delete, lock):
        stage.fresh()
        waiting, _ = _pending_and_running(stage, trial, act)
        _expect_cancelled(stage, trial, waiting)
        oracle.judge(stage, trial)


@fault("F52", "the persona edited while an ask of it waits", short=2, long=20)
def edit_persona(stage: Stage, trial: Trial) -> None:
    """The version that is current when the call begins is sent, and is in the receipt."""
    from personas.models import Persona, PersonaVersion

    stage.retire()
    stage.room(1)
    persona = Persona.objects.get(slug="maestro")
    before = persona.current_version
    assert before is not None
    number = before.number
    for _ in range(trial.n):
        post = stage.new_post(stage.members[3])
        stage.ask_about(post, stage.members[3], persona=persona)
        number += 1
        role = f"a conductor of version {number}, no. {stage.random.random()}"
        version = PersonaVersion.objects.create(
            persona=persona, number=number, role=role
        )
        Persona.objects.filter(pk=persona.pk).update(current_version=version)
        seen = len(stage.calls())
        worker = stage.start_worker()
        stage.provider.wait_for(seen + 1, seconds=60)
        trial.expect(stage.wait_quiet(60), "it did not end")
        worker.kill()
        sent = str(stage.calls()[-1].body)
        trial.expect(role in sent, "another version was sent than the current one")
        kept = oracle.rows(
            "SELECT persona_version_id, receipt->'persona'->>'version'"
            " FROM queue_llmattempt ORDER BY id DESC LIMIT 1"
        )[0]
        trial.expect(kept == (version.pk, str(number)), f"the receipt says {kept}")
    Persona.objects.filter(pk=persona.pk).update(current_version=before)


@fault(
    "F55", "the member deactivated, while it waits and while it runs", short=2, long=20
)
def deactivate(stage: Stage, trial: Trial) -> None:
    from accounts.models import User

    def leave(ask: Any) -> None:
        User.objects.filter(pk=stage.members[2].pk).update(is_active=False)

    try:
        waiting, _ = _pending_and_running(stage, trial, leave)
        _expect_cancelled(stage, trial, waiting)
    finally:
        User.objects.filter(pk=stage.members[2].pk).update(is_active=True)


@fault("F58", "cancelled while it runs, at a random moment", short=6, long=100)
def cancel(stage: Stage, trial: Trial) -> None:
    """The provider sees its connection closed within two seconds."""
    from llmqueue import services as queue
    from llmqueue.errors import AlreadyEnded

    stage.retire()
    stage.room(10)
    stage.start_worker(threads=12)
    # One call first, so that the others do not wait for what a new worker loads.
    stage.ask(1)
    stage.wait_quiet(60)
    long = Reply(text=ANSWER, chunks=20, delay=0.5, first_delay=1)
    stage.provider.answers_by(lambda _: long)
    left, cancelled_at = trial.n, {}
    while left:
        now, before = min(left, 10), len(stage.calls())
        asks = [
            stage.ask_about(stage.new_post(), stage.members[at % 5])
            for at in range(now)
        ]
        stage.provider.wait_for(before + now, seconds=60)
        stage.random.shuffle(asks)
        for ask in asks:
            time.sleep(stage.random.uniform(0, 0.3))
            try:
                queue.cancel_by(request=ask.request, member=ask.request.requested_by)
            except AlreadyEnded:
                trial.expect(False, "it had ended")
            cancelled_at[_mark(ask)] = time.time()
        left -= now
        wait_until(
            lambda: all(seen.ended for seen in stage.calls()), seconds=_CUT_SECONDS + 3
        )
    calls = stage.calls_by_mark()
    for mark, at in cancelled_at.items():
        ends = [(seen.ended, seen.ended_at) for seen in calls[mark]]
        trial.expect(len(ends) == 1, f"ask {mark}: {len(ends)} calls")
        for ended, ended_at in ends:
            trial.expect(
                ended == "client closed" and ended_at, f"ask {mark}: {ended or 'open'}"
            )
            if ended_at:
                trial.took(ended_at - at, most=_CUT_SECONDS)
    states = dict(oracle.statuses())
    trial.expect(states == {"cancelled": trial.n, "complete": 1}, f"ended as {states}")
