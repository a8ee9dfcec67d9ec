"""Failures that staff let happen: nothing is sent, all else is as with a real one."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from accounts.models import AuditEvent
from llmconfig.models import Endpoint
from llmconfig.services.keys import encrypt_site_key
from llmqueue import failing
from llmqueue.invariants import check_queue
from llmqueue.models import (
    DailyUsage,
    Lane,
    LLMAttempt,
    LLMRequest,
    Outcome,
    SimulatedFailure,
    Status,
)
from llmqueue.tests.conftest import run_until_quiet
from llmqueue.work import runner
from tests.own_keys import bring_key
from tests.races import start

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def simulate(fake_endpoint, staff):
    def simulate(outcome: Outcome, calls: int = 1, **fields) -> SimulatedFailure:
        return failing.simulate_failure(
            endpoint=fake_endpoint,
            outcome=outcome,
            calls=calls,
            actor=staff,
            **({"lasts": timedelta(minutes=5)} | fields),
        )

    return simulate


@pytest.fixture
def second(fake_config, make_config):
    fake_config.fallback = make_config("second", endpoint=fake_config.endpoint)
    fake_config.save()
    return fake_config.fallback


@pytest.mark.parametrize("outcome", failing.SIMULATED)
def test_a_simulated_failure_is_marked_free_and_never_sent(
    pending_request, simulate, fake_llm, outcome
):
    simulate(outcome)

    runner.run_next()

    attempt = pending_request.attempts.get()
    assert (attempt.outcome, attempt.is_simulated) == (outcome, True)
    assert attempt.outcome_detail.startswith("Simulated by staff, nothing was sent.")
    assert attempt.cost_usd is None
    assert attempt.tokens_in is None
    assert not attempt.was_sent
    assert not DailyUsage.objects.exists()
    assert fake_llm.calls() == []
    assert check_queue() == []


def test_it_is_tried_again_and_goes_to_the_fallback_like_a_real_one(
    pending_request, simulate, second, fake_llm, note_handler
):
    simulate(Outcome.OVERLOADED, calls=3)
    fake_llm.always_answers("From the fallback.")

    run_until_quiet()

    assert note_handler.delivered == [(pending_request.pk, "From the fallback.")]
    outcomes = pending_request.attempts.values_list("outcome", "is_simulated")
    assert Counter(outcomes) == {("overloaded", True): 3, ("answered", False): 1}


def test_it_pauses_the_endpoint_like_a_real_one(
    pending_request, simulate, settings, note_handler
):
    settings.LLM_BREAKER_FAILURES = 1
    simulate(Outcome.KEY_REFUSED)

    runner.run_next()

    assert Lane.objects.paused().get().broken_by == "key_refused"


def test_parallel_calls_take_exactly_as_many_as_were_set(
    make_request, simulate, fake_endpoint, fake_config, note_handler, fake_llm, settings
):
    settings.LLM_BREAKER_FAILURES = 1000
    simulate(Outcome.REFUSED, calls=5)
    fake_llm.always_answers("Yes.")
    for _ in range(12):
        make_request(endpoint=fake_endpoint)

    def drain() -> None:
        while runner.run_next():
            pass

    workers = [start(drain) for _ in range(4)]
    for worker in workers:
        worker.result(60)

    assert LLMAttempt.objects.filter(is_simulated=True).count() == 5
    assert SimulatedFailure.objects.get().calls_left == 0
    assert Counter(LLMRequest.objects.values_list("status", flat=True)) == {
        Status.ERROR: 5,
        Status.COMPLETE: 7,
    }


@pytest.mark.parametrize("why", ["used up", "over", "stopped"])
def test_it_ends(pending_request, simulate, fake_llm, fake_endpoint, staff, why):
    simulate(Outcome.OVERLOADED, calls=9)
    if why == "stopped":
        assert failing.stop_simulating(endpoint=fake_endpoint, actor=staff)
    elif why == "over":
        SimulatedFailure.objects.update(until=Now())
    else:
        SimulatedFailure.objects.update(calls_left=0)

    runner.run_next()

    assert len(fake_llm.calls()) == 1


def test_own_keys_are_left_alone(pending_request, simulate, alice, fake_llm):
    endpoint = pending_request.lane.endpoint
    key = encrypt_site_key("sk-canary-of-the-site-45", address=endpoint.address)
    Endpoint.objects.filter(pk=endpoint.pk).update(site_key=key)
    bring_key(alice, endpoint, "sk-canary-own-key-of-alice-80")
    simulate(Outcome.OVERLOADED)

    runner.run_next()

    assert len(fake_llm.calls()) == 1
    assert SimulatedFailure.objects.get().calls_left == 1


def test_beginning_changing_and_ending_it_are_on_record(simulate, fake_endpoint, staff):
    simulate(Outcome.OVERLOADED, calls=2)
    simulate(Outcome.REFUSED, calls=30, lasts=timedelta(days=1))
    failing.stop_simulating(endpoint=fake_endpoint, actor=staff)
    assert not failing.stop_simulating(endpoint=fake_endpoint, actor=staff)

    events = list(AuditEvent.objects.order_by("pk"))

    verbs = [it.action for it in events]
    assert verbs == [
        "simulated_failure set",
        "simulated_failure set",
        "simulated_failure stopped",
    ]
    ways = [
        [value and (value["outcome"], value["calls"]) for value in (before, after)]
        for before, after in (
            (it.detail["before"], it.detail["after"]) for it in events
        )
    ]
    assert ways == [
        [None, ("overloaded", 2)],
        [("overloaded", 2), ("refused", 20)],
        [("refused", 20), None],
    ]
