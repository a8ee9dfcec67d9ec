"""What becomes of a request when it is cancelled, its worker is lost or the database is."""

from datetime import timedelta

import pytest
from django.db import (
    DataError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
)
from django.utils import timezone

from llmconfig.models import AISettings, LLMConfig
from llmqueue import services, tasks
from llmqueue.errors import AlreadyEnded
from llmqueue.models import LLMAttempt, LLMRequest, Outcome, Status
from llmqueue.tests.conftest import run_until_quiet
from llmqueue.work import runner, sweeper
from llmqueue.work.control import Control
from tests.races import run_while

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.requirement("O-34")
@pytest.mark.fault("F07")
def test_a_worker_that_lost_its_lease_delivers_nothing(
    pending_request, note_handler, fake_llm
):
    def steal() -> None:
        LLMRequest.objects.filter(pk=pending_request.pk).update(
            lease_until=timezone.now() - timedelta(seconds=1)
        )
        sweeper.sweep()

    fake_llm.answers(text="From the zombie.")

    run_while(fake_llm, steal)

    pending_request.refresh_from_db()
    assert note_handler.delivered == []
    assert pending_request.status == Status.PENDING

    runner.run_next()

    # The next worker posts the answer that is paid for, and calls nobody.
    assert note_handler.delivered == [(pending_request.pk, "From the zombie.")]
    assert len(fake_llm.calls()) == 1


def test_cancel_ends_a_waiting_request_for_good(pending_request, fake_llm):
    services.cancel(request=pending_request, reason="Changed my mind.")

    assert not runner.run_next()
    pending_request.refresh_from_db()
    assert pending_request.status == Status.CANCELLED
    with pytest.raises(AlreadyEnded):
        services.cancel(request=pending_request, reason="Again.")


@pytest.mark.fault("F58")
def test_cancel_closes_a_running_call(
    pending_request, note_handler, fake_llm, watching
):
    fake_llm.answers(mode="hang")

    run_while(
        fake_llm, lambda: services.cancel(request=pending_request, reason="Stop.")
    )

    pending_request.refresh_from_db()
    assert pending_request.status == Status.CANCELLED
    assert pending_request.attempts.get().outcome == Outcome.CANCELLED
    assert note_handler.delivered == []
    fake_llm.wait_for(1, ended="client closed")


@pytest.mark.fault("F22")
@pytest.mark.parametrize("error", [OperationalError("away"), InterfaceError("closed")])
def test_a_database_that_is_away_before_the_call_costs_no_lapse(
    pending_request, note_handler, fake_llm, monkeypatch, error
):
    failures = [error, error]
    inputs = note_handler.inputs

    def stumble(request):
        if failures:
            raise failures.pop()
        return inputs(request)

    monkeypatch.setattr(note_handler, "inputs", stumble)
    fake_llm.answers(text="After all.")

    runner.run_next()

    pending_request.refresh_from_db()
    assert (pending_request.status, pending_request.lapses) == (Status.COMPLETE, 0)
    assert note_handler.delivered == [(pending_request.pk, "After all.")]
    assert len(fake_llm.calls()) == 1


@pytest.mark.fault("F22")
def test_a_deadlock_at_delivery_buys_nothing_twice(
    pending_request, note_handler, fake_llm, monkeypatch
):
    failures = [OperationalError("deadlock detected"), OperationalError("and again")]
    deliver = note_handler.deliver

    def stumble(attempt, **answer) -> None:
        if failures:
            raise failures.pop()
        deliver(attempt, **answer)

    monkeypatch.setattr(note_handler, "deliver", stumble)
    fake_llm.answers(text="Paid.")

    runner.run_next()

    pending_request.refresh_from_db()
    assert pending_request.status == Status.COMPLETE
    assert len(fake_llm.calls()) == 1
    assert note_handler.delivered == [(pending_request.pk, "Paid.")]


@pytest.mark.fault("F22", "F03")
def test_an_answer_whose_worker_was_lost_is_delivered_by_the_next(
    pending_request, note_handler, fake_llm, monkeypatch
):
    fake_llm.answers(text="Paid.")
    with monkeypatch.context() as patch:
        patch.setattr(runner.outcomes, "conclude", lambda *_: None)
        runner.run_next()
    LLMRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    sweeper.sweep()

    runner.run_next()

    assert note_handler.delivered == [(pending_request.pk, "Paid.")]
    assert len(fake_llm.calls()) == 1


def test_a_final_status_never_changes(pending_request):
    from django.db import IntegrityError

    services.cancel(request=pending_request, reason="Stop.")

    with pytest.raises(IntegrityError):
        LLMRequest.objects.filter(pk=pending_request.pk).update(
            status=Status.PENDING, finished_at=None
        )


@pytest.mark.fault("F05")
def test_a_worker_that_ends_puts_its_work_back(
    pending_request, note_handler, fake_llm, monkeypatch
):
    fresh = Control()
    monkeypatch.setattr(runner, "control", fresh)
    fake_llm.answers(mode="hang")

    run_while(fake_llm, fresh.interrupt_all)

    pending_request.refresh_from_db()
    assert (pending_request.status, pending_request.lapses) == (Status.PENDING, 0)
    assert pending_request.is_ready
    assert pending_request.attempts.get().outcome == Outcome.INTERRUPTED


@pytest.mark.fault("F05")
def test_work_put_back_at_a_workers_end_is_told_to_the_others(
    pending_request, fake_llm, monkeypatch
):
    fresh, nudges = Control(), []
    monkeypatch.setattr(runner, "control", fresh)
    monkeypatch.setattr(tasks, "control", fresh)

    def note_nudge(**how) -> None:
        pending_request.refresh_from_db()
        nudges.append(pending_request.status)

    monkeypatch.setattr(tasks, "nudge", note_nudge)
    fake_llm.answers(mode="hang")

    run_while(fake_llm, fresh.interrupt_all, run=tasks.work)

    assert nudges == [Status.PENDING]


@pytest.mark.fault("B10")
def test_a_request_that_is_begun_again_and_again_ends(
    pending_request, note_handler, fake_llm, settings, monkeypatch
):
    settings.LLM_MAX_ATTEMPTS = 2
    for _ in range(2):
        fresh = Control()
        monkeypatch.setattr(runner, "control", fresh)
        run_while(fake_llm, fresh.interrupt_all)
    runner.run_next()

    pending_request.refresh_from_db()
    assert pending_request.status == Status.ERROR
    assert pending_request.error_class == "crashed"
    assert pending_request.attempts.count() == 2


@pytest.mark.requirement("D-36", "O-60")
def test_a_worker_that_cannot_read_a_preference_asks_no_other_model(
    pending_request, note_handler, fake_llm, fake_config, alice
):
    own = LLMConfig.objects.create(
        name="Mine", owner=alice, model="mine", endpoint=fake_config.endpoint
    )
    AISettings.objects.create(user=alice, default_config=own)
    fake_llm.always_answers("Yes.")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE llmconfig_aisettings RENAME TO mislaid")
        try:
            with pytest.raises(ProgrammingError):
                runner.run_next()
        finally:
            cursor.execute("ALTER TABLE mislaid RENAME TO llmconfig_aisettings")
    assert not fake_llm.calls()
    assert not LLMAttempt.objects.exists()

    LLMRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    sweeper.sweep()
    runner.run_next()

    assert [call.body["model"] for call in fake_llm.calls()] == ["mine"]


ODD_TEXTS = {
    "NUL": ("Two\0 hours.", "Two hours."),
    "half a surrogate pair": ("Two \ud83d hours.", "Two \ufffd hours."),
    "bidi controls": (
        "Two \u202ehours\u202c and \u2066more\u2069.",
        "Two hours and more.",
    ),
    "10^6 combining marks": ("Z" + "\u0335" * 1_000_000, None),
}


@pytest.mark.fault("F25")
@pytest.mark.parametrize(("text", "cleaned"), ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_an_odd_text_is_cleaned_and_asked_for_once(
    pending_request, note_handler, fake_llm, text, cleaned
):
    fake_llm.always_answers(text)

    run_until_quiet()

    pending_request.refresh_from_db()
    assert (pending_request.status, pending_request.lapses) == (Status.COMPLETE, 0)
    assert len(fake_llm.calls()) == 1
    [(_, delivered)] = note_handler.delivered
    assert delivered == cleaned or (cleaned is None and len(delivered) < 100_000)


@pytest.mark.fault("F25")
@pytest.mark.parametrize("error", [DataError, ValueError])
def test_what_cannot_be_written_is_paid_for_once_and_not_tried_for_ever(
    pending_request, note_handler, fake_llm, monkeypatch, error
):
    def refuse(attempt: LLMAttempt, **text: str) -> None:
        raise error("PostgreSQL takes no such text")

    monkeypatch.setattr(note_handler, "deliver", refuse)
    fake_llm.always_answers("Two hours.")
    claims_made = 0
    while not LLMRequest.objects.filter(status=Status.ERROR).exists():
        with pytest.raises(error):
            runner.run_next()
        claims_made += 1
        LLMRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        sweeper.sweep()

    pending_request.refresh_from_db()
    assert pending_request.error_class == "crashed"
    assert claims_made == 3
    assert len(fake_llm.calls()) == 1
    assert runner.run_next() is None
