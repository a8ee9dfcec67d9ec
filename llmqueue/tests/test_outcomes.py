"""What becomes of a request when its call has ended, or before it begins."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from core.logs import CorrelationFilter
from llmconfig.models import LLMConfig
from llmqueue import services
from llmqueue.answers.judging import Verdict
from llmqueue.errors import LeaseLost, Refused, SwitchedOff
from llmqueue.handlers import Passage
from llmqueue.models import LLMAttempt, LLMRequest, Outcome, Status
from llmqueue.tests.conftest import run_until_quiet
from llmqueue.work import claims, outcomes, runner, sweeper
from llmqueue.work.freezing import freeze

pytestmark = pytest.mark.django_db(transaction=True)


def lapse() -> None:
    LLMRequest.objects.running().update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )
    sweeper.sweep()


def lose_the_worker_after_its_answer(fake_llm, monkeypatch) -> None:
    """Leave a request with an answer that is paid for and was not delivered."""
    fake_llm.answers(text="Paid.")
    with monkeypatch.context() as patch:
        patch.setattr("llmqueue.work.outcomes.conclude", lambda *_: None)
        runner.run_next()
    lapse()


@pytest.fixture
def second(fake_config, make_config):
    """The fallback of the site's default model."""
    config = make_config("second", endpoint=fake_config.endpoint)
    fake_config.fallback = config
    fake_config.save()
    return config


@pytest.mark.fault("F22")
def test_a_deadlock_while_a_lost_workers_answer_is_delivered_is_waited_out(
    pending_request, note_handler, fake_llm, monkeypatch
):
    lose_the_worker_after_its_answer(fake_llm, monkeypatch)
    failures = [OperationalError("deadlock detected"), OperationalError("and again")]
    deliver = note_handler.deliver

    def stumble(attempt, **answer) -> None:
        if failures:
            raise failures.pop()
        deliver(attempt, **answer)

    monkeypatch.setattr(note_handler, "deliver", stumble)

    runner.run_next()

    pending_request.refresh_from_db()
    assert (pending_request.status, pending_request.lapses) == (Status.COMPLETE, 1)
    assert note_handler.delivered == [(pending_request.pk, "Paid.")]


@pytest.mark.requirement("P8")
@pytest.mark.fault("F57")
def test_no_call_begins_when_ai_is_switched_off_after_the_claim(
    pending_request, note_handler, fake_llm, settings, monkeypatch
):
    inputs = note_handler.inputs

    def switch_off_meanwhile(request):
        settings.AI_FEATURES_ENABLED = False
        return inputs(request)

    with monkeypatch.context() as patch:
        patch.setattr(note_handler, "inputs", switch_off_meanwhile)
        runner.run_next()

    pending_request.refresh_from_db()
    assert fake_llm.calls() == []
    assert not LLMAttempt.objects.exists()
    assert (pending_request.status, pending_request.lapses) == (Status.PENDING, 0)

    settings.AI_FEATURES_ENABLED = True
    assert runner.run_next()
    assert len(fake_llm.calls()) == 1


def test_freeze_looks_at_the_switch_itself(pending_request, settings):
    request = claims.take()
    settings.AI_FEATURES_ENABLED = False

    with pytest.raises(SwitchedOff):
        freeze(request)


@pytest.mark.fault("F07")
def test_freeze_makes_no_attempt_for_a_worker_that_lost_its_lease(pending_request):
    stale = claims.take()
    lapse()
    held = claims.take()

    with pytest.raises(LeaseLost):
        freeze(stale)
    assert not LLMAttempt.objects.exists()
    assert freeze(held).attempt.lease_token == held.lease_token


@pytest.mark.fault("F07", "F09")
def test_who_lost_the_lease_writes_nothing_and_announces_nothing(
    pending_request, monkeypatch
):
    announced = []
    stale = claims.take()
    lapse()
    held = claims.take()
    monkeypatch.setattr(outcomes, "announce", announced.extend)

    outcomes.end(stale, Refused("gone"))
    outcomes.put_back(stale)
    outcomes.move(stale, pending_request.lane.endpoint)

    assert announced == []
    held.refresh_from_db()
    assert held.status == Status.PROCESSING

    outcomes.put_back(held)

    assert announced == [held.public_id]


def test_settling_twice_keeps_the_first(pending_request):
    attempt = freeze(claims.take()).attempt

    outcomes.settle(attempt, Verdict(Outcome.ANSWERED, "First."))
    outcomes.settle(attempt, Verdict(Outcome.OVERLOADED, detail="Second."))

    assert (attempt.outcome, attempt.outcome_detail) == (Outcome.UNKNOWN, "")
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.answer) == (Outcome.ANSWERED, "First.")


@pytest.mark.fault("F46", "B10")
def test_a_fallbacks_fallback_is_not_asked(
    pending_request, make_config, second, fake_llm
):
    second.fallback = make_config("third", endpoint=second.endpoint)
    second.save()
    for _ in range(4):
        fake_llm.answers(text="", refusal="No.")

    run_until_quiet()

    pending_request.refresh_from_db()
    assert [call.model for call in fake_llm.calls()] == ["fake-1", "model-second"]
    assert (pending_request.status, pending_request.error_class) == (
        Status.ERROR,
        "refused",
    )


@pytest.mark.parametrize("loss", ["switched off", "without a key", "another's"])
def test_a_fallback_that_cannot_serve_leaves_the_first_reason(
    pending_request, second, make_endpoint, bob, fake_llm, loss
):
    second.endpoint = make_endpoint(
        provider="openai" if loss == "without a key" else "compatible",
        is_enabled=loss != "switched off",
    )
    if loss == "another's":
        second.owner, second.is_global = bob, False
    second.save()
    fake_llm.answers(status=404)

    run_until_quiet()

    pending_request.refresh_from_db()
    attempt = pending_request.attempts.get()
    assert pending_request.status == Status.ERROR
    assert pending_request.error_class == attempt.outcome == Outcome.NO_MODEL
    assert pending_request.error_message == attempt.outcome_detail
    assert "HTTP 404" in pending_request.error_message


def test_a_fallback_serves_when_nothing_else_is_left(
    pending_request, note_handler, second, fake_llm
):
    fake_llm.answers(status=404)
    fake_llm.answers(text="Still here.")
    runner.run_next()
    LLMConfig.objects.exclude(pk=second.pk).delete()

    run_until_quiet()

    pending_request.refresh_from_db()
    assert pending_request.status == Status.COMPLETE
    receipt = pending_request.attempts.latest("number").receipt
    assert receipt["persona"]["name"] == "Companion"
    assert receipt["notes"] == ["Fake model failed; second was asked instead."]
    assert [step["won"] for step in receipt["steps"]["config"]][-2:] == [True, True]


def test_the_swap_names_what_was_called_and_not_what_would_be_now(
    pending_request, second, make_config, fake_llm
):
    fake_llm.answers(status=404)
    fake_llm.answers(text="Yes.")
    runner.run_next()
    LLMConfig.objects.update(is_default=False)
    make_config("newcomer", is_default=True)

    run_until_quiet()

    receipt = pending_request.attempts.latest("number").receipt
    assert receipt["notes"] == ["Fake model failed; second was asked instead."]
    rules = [step["rule"] for step in receipt["steps"]["config"]]
    assert rules[-2:] == ["the site's default", "the fallback"]


def test_the_swap_never_names_the_fallback_as_what_failed(
    pending_request, second, fake_llm, monkeypatch
):
    fake_llm.answers(status=404)
    fake_llm.answers(status=404)
    fake_llm.answers(text="Yes.")
    runner.run_next()
    with monkeypatch.context() as patch:
        patch.setattr("llmqueue.work.outcomes.conclude", lambda *_: None)
        runner.run_next()
    lapse()

    run_until_quiet()

    receipts = pending_request.attempts.order_by("number").values_list(
        "receipt", flat=True
    )
    swap = ["Fake model failed; second was asked instead."]
    assert [receipt["notes"] for receipt in receipts] == [[], swap, swap]


def test_a_config_is_not_its_own_fallback(pending_request, fake_config, fake_llm):
    fake_config.fallback = fake_config
    fake_config.save()
    fake_llm.answers(status=404)

    run_until_quiet()

    pending_request.refresh_from_db()
    assert pending_request.status == Status.ERROR
    assert len(fake_llm.calls()) == 1


@pytest.mark.fault("F34")
def test_only_the_model_that_said_too_long_gets_the_shortened_prompt(
    pending_request, note_handler, second, fake_llm, monkeypatch
):
    messages = note_handler.messages

    def with_history(request, *, most_passages):
        said = messages(request, most_passages=most_passages)
        earlier = Passage(number=0, author="bob", text="Long ago", source_key="0")
        return replace(said, passages=[earlier])

    monkeypatch.setattr(note_handler, "messages", with_history)
    for _ in range(2):
        fake_llm.answers(status=413)
    fake_llm.answers(text="It fits.")

    run_until_quiet()

    told = ["Long ago" in str(call.body["messages"]) for call in fake_llm.calls()]
    assert told == [True, False, True]


def test_log_lines_carry_one_id_for_a_request_and_its_retry(
    pending_request, caplog, fake_llm
):
    LLMRequest.objects.update(correlation_id="thread-of-the-story")
    caplog.handler.addFilter(CorrelationFilter())

    with caplog.at_level("INFO", logger="llmqueue"):
        runner.run_next()

    assert {line.correlation for line in caplog.records} == {" [thread-of-the-story]"}
    assert any("claimed" in line for line in caplog.messages)
    assert any("model fake-1" in line for line in caplog.messages)


def test_a_retry_keeps_the_correlation_id(pending_request, note_handler):
    LLMRequest.objects.update(correlation_id="thread-of-the-story")
    pending_request.refresh_from_db()

    again = services.enqueue(
        kind="note",
        inputs=note_handler.inputs(pending_request),
        place=("", ""),
        retry_of=pending_request,
    )

    assert again.correlation_id == "thread-of-the-story"
