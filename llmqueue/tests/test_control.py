import threading
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from llmqueue.models import LLMRequest, Status, WorkerHeartbeat
from llmqueue.work import claims, control, runner, sweeper
from tests.conftest import wait_until
from tests.races import run_while

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick(settings, monkeypatch):
    settings.LLM_LEASE = timedelta(seconds=5)
    settings.LLM_HEARTBEAT = timedelta(seconds=0.5)
    settings.LLM_SWEEP = timedelta(seconds=0.5)
    monkeypatch.setattr(control, "CHECK_SECONDS", 0.1)


@pytest.fixture
def worker(monkeypatch):
    """The control of a worker process, not yet started."""
    fresh = control.Control()
    monkeypatch.setattr(runner, "control", fresh)
    yield fresh
    fresh.stop()


@pytest.mark.requirement("O-19")
def test_a_call_longer_than_its_lease_is_made_once(
    pending_request, note_handler, fake_llm, worker, settings
):
    worker.start(sweep=sweeper.sweep)
    fake_llm.answers(text="At last.")

    def outlast() -> None:
        lease_until = LLMRequest.objects.get().lease_until
        wait_until(lambda: timezone.now() > lease_until + settings.LLM_SWEEP)

    run_while(fake_llm, outlast)

    pending_request.refresh_from_db()
    assert (pending_request.status, pending_request.lapses) == (Status.COMPLETE, 0)
    assert note_handler.delivered == [(pending_request.pk, "At last.")]
    assert len(fake_llm.calls()) == 1


@pytest.mark.parametrize("error", [RuntimeError("a bug"), OperationalError("away")])
def test_a_sweep_that_fails_keeps_no_lease_from_being_renewed(
    make_request, make_endpoint, worker, error
):
    sweeps = []

    def fail() -> None:
        sweeps.append(1)
        raise error

    make_request(endpoint=make_endpoint())
    held = claims.take()
    with worker.watch(held.held_token):
        worker.start(sweep=fail)
        wait_until(lambda: len(sweeps) >= 3)
        held.refresh_from_db()
        seen_until = held.lease_until

        wait_until(lambda: LLMRequest.objects.get().lease_until > seen_until)
        held.refresh_from_db()
        assert held.lease_until > seen_until


def test_a_beat_that_fails_is_tried_again_and_sweeps_go_on(
    make_request, make_endpoint, worker, monkeypatch
):
    sweeps = []
    beats = [RuntimeError("a bug"), OperationalError("away")]
    objects = type(WorkerHeartbeat.objects)
    update_or_create = objects.update_or_create

    def stumble(manager, **values):
        if beats:
            raise beats.pop()
        return update_or_create(manager, **values)

    monkeypatch.setattr(objects, "update_or_create", stumble)

    worker.start(sweep=lambda: sweeps.append(1))

    wait_until(WorkerHeartbeat.any_alive)
    wait_until(lambda: len(sweeps) >= 2)
    assert beats == []
    wait_until(WorkerHeartbeat.any_alive)


def test_an_error_nobody_foresaw_is_logged_once_with_its_traceback(worker, caplog):
    sweeps = []

    def fail() -> None:
        sweeps.append(1)
        raise RuntimeError("a bug")

    worker.start(sweep=fail)
    wait_until(lambda: len(sweeps) >= 3)

    told = [entry for entry in caplog.records if "sweep failed" in entry.message]
    assert len(told) == 1
    assert told[0].exc_info


def test_a_duty_that_did_well_is_told_of_when_it_fails_anew(worker, caplog):
    sweeps = []

    def stumble() -> None:
        sweeps.append(1)
        if len(sweeps) % 2:
            raise RuntimeError("a bug")

    worker.start(sweep=stumble)
    wait_until(lambda: len(sweeps) >= 4)

    assert sum("sweep failed" in line for line in caplog.messages) >= 2


def test_a_lost_lease_cuts_its_call_and_no_other(make_request, make_endpoint, worker):
    endpoint = make_endpoint()
    for _ in range(2):
        make_request(endpoint=endpoint)
    kept, lost = claims.take(), claims.take()
    with (
        worker.watch(kept.held_token) as kept_handle,
        worker.watch(lost.held_token) as lost_handle,
    ):
        worker.start()
        LLMRequest.objects.filter(pk=lost.pk).finish(
            status=Status.CANCELLED, error_class="cancelled"
        )

        wait_until(lambda: lost_handle.kind)

        assert (lost_handle.kind, kept_handle.kind) == ("cancelled", "")


def test_a_control_that_was_stopped_can_be_started_again(worker):
    worker.start()
    worker.stop()
    WorkerHeartbeat.objects.all().delete()

    worker.start()
    wait_until(WorkerHeartbeat.any_alive)

    assert WorkerHeartbeat.objects.get().name == worker.name


def test_a_second_start_makes_no_second_thread(worker):
    sweeps = []
    worker.start(sweep=lambda: sweeps.append("first"))
    worker.start(sweep=lambda: sweeps.append("second"))

    names = [thread.name for thread in threading.enumerate()]
    assert names.count("queue-control") == 1
    wait_until(lambda: len(sweeps) >= 2)
    assert set(sweeps) == {"first"}
    assert WorkerHeartbeat.objects.get().seen_at <= timezone.now()
