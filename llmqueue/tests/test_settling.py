"""What is set aside before a call, and what it comes to."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from llmconfig.models import ModelPrice
from llmqueue import services
from llmqueue.limits.reserving import REPLY_TOKENS, THOUGHTFUL_REPLY_TOKENS
from llmqueue.limits.settling import settle_call
from llmqueue.models import LLMAttempt, LLMRequest, Outcome, Reservation
from llmqueue.tests.conftest import run_until_quiet
from llmqueue.tests.limits import ask, limit, reply_of, taken
from llmqueue.usage.recording import record_use
from llmqueue.work import runner, sweeper

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("note_handler", "fake_config", "promises_held"),
]


@pytest.mark.requirement("C-12")
def test_tokens_and_costs_are_set_aside_before_a_call_and_settled_after_it(
    alice, priced, fake_llm
):
    made = limit("site", tokens=10_000, cost_usd=Decimal("0.5"))
    seen = []
    fake_llm.answers_by(lambda _: seen.append(taken(made)) or reply_of(10))
    ask(alice)

    run_until_quiet()

    call = LLMAttempt.objects.get()
    sent = sum(part.tokens for part in call.parts.all())
    assert seen == [
        {"reserved_tokens": sent + 100, "reserved_usd": Decimal("0.1")},
    ]
    assert call.cost_usd == Decimal("0.01")
    assert taken(made) == {"used_tokens": 17, "used_usd": Decimal("0.01")}


def test_a_call_may_cost_more_than_its_estimate_and_the_next_is_refused(
    alice, priced, fake_llm
):
    made = limit("site", cost_usd=Decimal("0.15"))
    fake_llm.answers_by(lambda _: reply_of(900))
    requests = [ask(alice), ask(alice)]

    run_until_quiet()

    assert taken(made) == {"used_tokens": 907, "used_usd": Decimal("0.9")}
    requests[1].refresh_from_db()
    assert requests[1].error_class == "limit_reached"


@pytest.mark.fault("B7")
@pytest.mark.requirement("R-79", "C-12")
@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("fake-1", {"max_tokens": REPLY_TOKENS}),
        ("gpt-5", {"max_completion_tokens": THOUGHTFUL_REPLY_TOKENS}),
    ],
)
def test_under_a_limit_on_costs_a_reply_is_held_to_what_is_set_aside(
    alice, priced, fake_config, fake_llm, model, sent
):
    fake_config.model, fake_config.max_tokens = model, None
    fake_config.save()
    ModelPrice.objects.update(model=model)
    made = limit("site", cost_usd=Decimal(50))
    seen = []
    fake_llm.answers_by(lambda _: seen.append(taken(made)) or reply_of(10))
    ask(alice)

    run_until_quiet()

    [call] = fake_llm.calls()
    [most] = sent.values()
    assert sent.items() <= call.body.items()
    assert seen[0]["reserved_usd"] == Decimal(most) / 1000
    [attempt] = LLMAttempt.objects.all()
    assert attempt.receipt["parameters"]["max_tokens"] == most


@pytest.mark.parametrize("what", ["no limit", "own length", "for nothing"])
def test_a_reply_is_held_to_nothing_else(alice, priced, fake_config, fake_llm, what):
    if what != "own length":
        fake_config.max_tokens = None
        fake_config.save()
    if what == "for nothing":
        ModelPrice.objects.update(out_usd=0)
    limit("site", tokens=90_000, cost_usd=None if what == "no limit" else Decimal(5))
    ask(alice)

    run_until_quiet()

    [call] = fake_llm.calls()
    assert call.body.get("max_tokens") == fake_config.max_tokens


@pytest.mark.requirement("C-19", "M-25", "M-29")
def test_a_call_that_did_not_reach_the_provider_costs_no_request(
    alice, fake_config, fake_llm
):
    made = limit("site", requests=5, tokens=100_000)
    endpoint = fake_config.endpoint
    endpoint.api_base = "https://nowhere.invalid/v1"
    endpoint.save()
    request = ask(alice)

    run_until_quiet()

    request.refresh_from_db()
    assert request.error_class == "unreachable"
    assert taken(made) == {}


def test_a_call_that_the_provider_turned_away_costs_a_request_and_no_tokens(
    alice, fake_llm
):
    made = limit("site", requests=5, tokens=100_000)
    fake_llm.always_answers(status=400)
    ask(alice)

    run_until_quiet()

    assert taken(made) == {"used_requests": 1}


def test_a_request_counts_once_however_often_it_is_called(alice, fake_llm):
    made = limit("site", requests=5, tokens=1_000_000)
    fake_llm.always_answers(status=503)
    ask(alice)

    run_until_quiet()

    assert LLMAttempt.objects.count() == 3
    assert taken(made) == {"used_requests": 1}


@pytest.mark.fault("F44")
@pytest.mark.parametrize("number", [None, -5, 10**15, 1.5, "many"], ids=repr)
def test_where_the_provider_says_nothing_true_the_estimate_counts(
    number, alice, priced, fake_llm
):
    made = limit("site", cost_usd=Decimal(1))
    usage = {"prompt_tokens": number, "completion_tokens": number}
    fake_llm.always_answers("Two hours.", usage=usage if number else None)
    ask(alice)

    run_until_quiet()

    assert taken(made)["used_usd"] == Decimal("0.1")


def test_what_is_cancelled_while_it_waits_is_given_back(alice):
    made = limit("site", requests=1)
    request = ask(alice)

    services.cancel_by(request=request, member=alice)

    assert taken(made) == {}
    ask(alice)


def test_what_is_cancelled_while_it_runs_counts_when_its_call_has_ended(
    alice, fake_llm, watching
):
    made = limit("site", requests=1, tokens=100_000)
    seen = []

    def cancel(_):
        services.cancel_by(request=LLMRequest.objects.get(), member=alice)
        seen.append(taken(made)["reserved_requests"])
        return reply_of(10)

    fake_llm.answers_by(cancel)
    ask(alice)

    run_until_quiet()

    assert seen == [1]
    assert taken(made)["used_requests"] == 1
    assert not Reservation.objects.open().exists()


def test_of_a_cancelled_request_whose_worker_is_gone_the_sweep_settles_all(
    alice, fake_llm, monkeypatch
):
    made = limit("site", requests=1)
    request = ask(alice)
    lose_its_worker(monkeypatch)
    services.cancel_by(request=request, member=alice)
    assert taken(made) == {"reserved_requests": 1}
    LLMRequest.objects.update(finished_at=timezone.now() - timedelta(hours=1))

    sweeper.sweep()

    assert taken(made) == {"used_requests": 1}


def lose_its_worker(monkeypatch) -> None:
    """Let a worker claim the next request and make its call, and write nothing more."""
    with monkeypatch.context() as patch:
        patch.setattr("llmqueue.work.outcomes.settle", lambda *_: None)
        patch.setattr("llmqueue.work.outcomes.conclude", lambda *_: None)
        runner.run_next()


def lapse() -> None:
    LLMRequest.objects.running().update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )
    sweeper.sweep()


def test_what_a_lost_worker_set_aside_is_settled_by_its_estimate_and_once(
    alice, priced, fake_llm, monkeypatch
):
    made = limit("site", requests=5, cost_usd=Decimal(1))
    fake_llm.answers_by(lambda _: reply_of(10))
    ask(alice)
    lose_its_worker(monkeypatch)
    lapse()
    assert taken(made)["used_usd"] == Decimal("0.1")
    assert taken(made)["used_requests"] == 1

    run_until_quiet()

    assert taken(made)["used_usd"] == Decimal("0.11")
    assert taken(made)["used_requests"] == 1


def test_a_lost_worker_that_comes_back_brings_its_own_figures(
    alice, priced, fake_llm, monkeypatch
):
    made = limit("site", cost_usd=Decimal(1))
    fake_llm.answers_by(lambda _: reply_of(10))
    ask(alice)
    with monkeypatch.context() as patch:
        patch.setattr("llmqueue.work.runner.outcomes.settle", _settle_late)
        runner.run_next()

    assert taken(made) == {"used_tokens": 17, "used_usd": Decimal("0.01")}
    run_until_quiet()


def _settle_late(attempt, verdict):
    lapse()
    changed = LLMAttempt.objects.filter(pk=attempt.pk).update(
        outcome=verdict.outcome,
        answer=verdict.text,
        tokens_in=verdict.answer.tokens_in,
        tokens_out=verdict.answer.tokens_out,
        cost_usd=verdict.answer.cost_usd,
        total_seconds=verdict.answer.total_seconds,
    )
    assert changed
    settle_call(attempt)
    record_use(attempt)


def test_settling_twice_counts_once(alice, priced, fake_llm, monkeypatch):
    made = limit("site", requests=3, cost_usd=Decimal(1))
    fake_llm.answers_by(lambda _: reply_of(10))
    settled = []
    settle = runner.outcomes.settle

    def twice(attempt, verdict):
        settle(attempt, verdict)
        settle(attempt, verdict)
        settled.append(taken(made))

    monkeypatch.setattr("llmqueue.work.outcomes.settle", twice)
    ask(alice)

    run_until_quiet()

    assert settled[0]["used_usd"] == Decimal("0.01")
    assert taken(made)["used_requests"] == 1


def test_unknown_outcomes_stay_reserved_while_their_worker_lives(
    alice, fake_llm, monkeypatch
):
    made = limit("site", requests=1)
    ask(alice)
    lose_its_worker(monkeypatch)

    sweeper.sweep()

    assert LLMAttempt.objects.get().outcome == Outcome.UNKNOWN
    assert taken(made) == {"reserved_requests": 1}
