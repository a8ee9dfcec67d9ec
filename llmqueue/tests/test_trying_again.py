"""What is done when a model fails or refuses: again, the fallback, or the end."""

from datetime import timedelta

import pytest

from llmqueue.models import Outcome, Status
from llmqueue.tests.conftest import run_until_quiet
from llmqueue.work import claims, runner

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.requirement("F-60", "O-02")
@pytest.mark.fault("F32")
def test_run_next_tries_a_failing_provider_three_times(
    pending_request, note_handler, fake_llm
):
    for _ in range(5):
        fake_llm.answers(status=503)

    run_until_quiet()

    pending_request.refresh_from_db()
    assert len(fake_llm.calls()) == 3
    assert (pending_request.status, pending_request.error_class) == (
        Status.ERROR,
        "overloaded",
    )
    assert pending_request.error_message
    assert note_handler.delivered == []


@pytest.mark.fault("F31")
def test_run_next_waits_as_long_as_the_provider_asks(pending_request, fake_llm):
    fake_llm.answers(status=429, retry_after=20)

    runner.run_next()

    pending_request.refresh_from_db()
    assert pending_request.status == Status.PENDING
    assert not pending_request.is_ready
    wait = pending_request.not_before - pending_request.claimed_at
    assert wait >= timedelta(seconds=20)
    assert claims.take() is None


@pytest.mark.fault("F33", "F34")
@pytest.mark.parametrize(
    ("status", "error_class"),
    [(401, "key_refused"), (404, "no_model"), (400, "bad_request")],
)
def test_run_next_does_not_repeat_what_cannot_work(
    pending_request, fake_llm, status, error_class
):
    fake_llm.answers(status=status)
    fake_llm.answers(text="Never reached.")

    run_until_quiet()

    pending_request.refresh_from_db()
    assert len(fake_llm.calls()) == 1
    assert pending_request.error_class == error_class


@pytest.mark.fault("F40", "F39")
@pytest.mark.parametrize("answer", [{"text": ""}, {"mode": "malformed"}])
def test_run_next_posts_nothing_when_nothing_came(
    pending_request, note_handler, fake_llm, answer
):
    for _ in range(4):
        fake_llm.answers(**answer)

    run_until_quiet()

    pending_request.refresh_from_db()
    assert pending_request.status == Status.ERROR
    assert note_handler.delivered == []
    assert len(fake_llm.calls()) == 2


@pytest.mark.requirement("Q-63", "C-18", "O-39")
@pytest.mark.fault("F41", "F46")
def test_a_refusal_goes_to_the_fallback_once_and_says_so(
    pending_request, note_handler, fake_config, make_config, fake_llm
):
    fake_config.fallback = make_config("second", endpoint=fake_config.endpoint)
    fake_config.save()
    fake_llm.answers(text="", refusal="I cannot.")
    fake_llm.answers(text="I can.")

    run_until_quiet()

    first, second = pending_request.attempts.order_by("number")
    assert [first.outcome, second.outcome] == [Outcome.REFUSED, Outcome.ANSWERED]
    assert note_handler.delivered == [(pending_request.pk, "I can.")]
    assert fake_llm.calls()[1].body["model"] == "model-second"
    assert second.receipt["notes"] == ["Fake model declined; second was asked instead."]


@pytest.mark.fault("F46")
def test_a_fallback_that_fails_too_ends_the_request(
    pending_request, fake_config, make_config, fake_llm
):
    fake_config.fallback = make_config("second", endpoint=fake_config.endpoint)
    fake_config.save()
    fake_llm.answers(text="", refusal="I cannot.")
    fake_llm.answers(text="", refusal="Nor can I.")
    fake_llm.answers(text="Never reached.")

    run_until_quiet()

    pending_request.refresh_from_db()
    assert (pending_request.status, pending_request.error_class) == (
        Status.ERROR,
        "refused",
    )
    assert len(fake_llm.calls()) == 2
