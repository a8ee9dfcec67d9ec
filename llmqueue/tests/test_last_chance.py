"""A request whose next lost worker would end it is alone of its kind in a process."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from llmqueue import tasks
from llmqueue.models import Lane, LLMRequest, Status
from llmqueue.work import claims, last_chance, runner, sweeper
from tests.fake_llm import Reply
from tests.races import start, wait_until_blocked

pytestmark = pytest.mark.django_db(transaction=True)

LAST = 2  # lapses; the third is the end


@pytest.fixture
def ask(note_handler, fake_config, make_request):
    """Queue a request to the fake provider, which has room for all."""
    fake_config.endpoint.max_in_flight = 20
    fake_config.endpoint.save()

    def ask(lapses: int = 0) -> LLMRequest:
        return make_request(endpoint=fake_config.endpoint, lapses=lapses)

    return ask


def take(steps: ExitStack) -> LLMRequest | None:
    """Claim something, to hold until `steps` are closed."""
    return claims.take(steps.enter_context(last_chance.step()))


@contextmanager
def a_process(threads: int) -> Iterator[set[LLMRequest]]:
    """What so many threads of this process claim, and hold until it ends."""
    with ExitStack() as steps:
        runs = [start(partial(take, steps)) for _ in range(threads)]
        yield {found for run in runs if (found := run.result(30))}


def crash() -> None:
    LLMRequest.objects.running().update(lease_until=Now() - timedelta(seconds=1))
    sweeper.sweep()


def state(request: LLMRequest) -> tuple[str, str]:
    request.refresh_from_db()
    return request.status, request.error_class


@pytest.mark.fault("F06")
def test_a_request_that_kills_its_worker_ends_no_other(ask):
    poison, *innocents = [ask() for _ in range(8)]
    crashes = 0

    for _ in range(12):
        with a_process(8) as claimed:
            if poison in claimed:
                crashes += 1
                crash()
            for request in claimed:
                LLMRequest.objects.close(request, status=Status.COMPLETE)

    assert crashes == 3
    assert state(poison) == (Status.ERROR, "crashed")
    assert {state(it) for it in innocents} == {(Status.COMPLETE, "")}


def test_of_threads_that_claim_at_one_moment_one_has_the_place(ask):
    """All of them have seen it free before one takes it."""
    last, others = {ask(LAST) for _ in range(3)}, {ask() for _ in range(2)}

    with ExitStack() as steps:
        with transaction.atomic():
            Lane.objects.select_for_update().get(endpoint__isnull=False)
            runs = [start(partial(take, steps)) for _ in range(4)]
            wait_until_blocked(*runs)
        taken = {found for run in runs if (found := run.result(30))}

    assert others < taken
    assert len(taken & last) == 1


def test_who_lost_fewer_workers_waits_for_nobody(ask):
    recovering = {ask(LAST - 1) for _ in range(3)}
    last = ask(LAST)

    with a_process(4) as claimed:
        assert claimed == {*recovering, last}


def test_others_are_taken_meanwhile_also_in_other_lanes(
    ask, make_request, make_endpoint
):
    last = [ask(LAST) for _ in range(2)]
    behind = ask()
    elsewhere = make_request(endpoint=make_endpoint())

    with a_process(4) as claimed:
        assert claimed > {behind, elsewhere}
        assert len(claimed.intersection(last)) == 1
        assert len(claimed) == 3

    with a_process(1) as claimed:
        assert claimed < set(last)


def test_an_own_key_is_no_way_around_it(ask):
    """A lane may be open to own keys alone."""
    for _ in range(2):
        ask(LAST)
    LLMRequest.objects.update(on_own_key=True)
    Lane.objects.update(
        broken_at=Now(),
        broken_until=Now() + timedelta(minutes=1),
        broken_by="key_refused",
    )

    with a_process(3) as claimed:
        assert len(claimed) == 1


def test_whoever_ends_one_comes_for_the_next(ask, fake_llm):
    asked, gate = [ask(LAST) for _ in range(3)], threading.Event()

    def answer_later(_: object) -> Reply:
        gate.wait(60)
        return Reply(text="Yes.")

    fake_llm.answers_by(answer_later)

    thread = start(tasks.work)
    fake_llm.wait_for(1)
    tasks.work()
    assert len(fake_llm.calls()) == 1
    gate.set()
    thread.result(60)

    assert {state(it) for it in asked} == {(Status.COMPLETE, "")}


def test_the_place_is_free_again_when_a_claim_fails(ask, fake_llm):
    fake_llm.always_answers("Yes.")
    last = ask(LAST)
    with (
        connection.execute_wrapper(_stumble),
        pytest.raises(DatabaseError, match="full"),
    ):
        runner.run_next()

    runner.run_next()

    assert state(last) == (Status.COMPLETE, "")


def _stumble(execute: Any, sql: str, *rest: Any) -> Any:
    if sql.startswith('UPDATE "queue_llmrequest"'):
        raise DatabaseError("The disk is full.")
    return execute(sql, *rest)


def test_the_place_is_free_again_when_a_step_breaks(
    ask, note_handler, fake_llm, monkeypatch
):
    fake_llm.always_answers("Yes.")
    first, second = ask(LAST), ask(LAST)
    with monkeypatch.context() as broken:
        broken.setattr(note_handler, "inputs", None)
        with pytest.raises(TypeError):
            runner.run_next()

    runner.run_next()

    assert state(first) == (Status.PROCESSING, "")
    assert state(second) == (Status.COMPLETE, "")
