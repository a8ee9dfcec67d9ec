"""What becomes of requests whose endpoint is paused: a way around, or bounded waiting."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from llmconfig.models import Endpoint, ModelProfile
from llmqueue import services
from llmqueue.handlers import Inputs
from llmqueue.invariants import check_queue
from llmqueue.models import Lane, LLMRequest, SpendLimit, Status, Stop
from llmqueue.tests.conftest import run_until_quiet
from llmqueue.work import lanes, runner, sweeper
from tests.fake_llm import FakeLLM
from tests.own_keys import OWN_KEY, bring_key, bring_site_key

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def elsewhere(note_handler, fake_config, settings):
    """A second provider, on the site's key."""
    with FakeLLM() as server:
        settings.LLM_PRIVATE_HOSTS.append(("127.0.0.1", server.port))
        server.always_answers("From elsewhere.")
        endpoint = Endpoint.objects.create(
            name="Elsewhere", provider="compatible", api_base=server.address
        )
        bring_site_key(endpoint)
        yield server, endpoint


@pytest.fixture
def fallback(elsewhere, fake_config, make_config):
    fake_config.fallback = make_config("second", endpoint=elsewhere[1])
    fake_config.save()
    return fake_config.fallback


def pause(endpoint: Endpoint, *, by: str = "overloaded", **fields) -> Lane:
    lane = lanes.lane_of(endpoint)
    values = {
        "failures": 5,
        "broken_at": Now(),
        "broken_until": Now() + timedelta(minutes=5),
        "broken_by": by,
    }
    Lane.objects.filter(pk=lane.pk).update(**(values | fields))
    lane.refresh_from_db()
    return lane


def ask(member, **fields) -> LLMRequest:
    return services.enqueue(
        kind="note", inputs=Inputs(member=member), place=("", ""), **fields
    )


def test_what_is_asked_meanwhile_goes_to_the_fallback_at_once_and_says_so(
    fallback, elsewhere, fake_endpoint, alice, note_handler, fake_llm
):
    pause(fake_endpoint)

    request = ask(alice)

    assert request.lane.endpoint == elsewhere[1]
    run_until_quiet()
    assert note_handler.delivered == [(request.pk, "From elsewhere.")]
    assert fake_llm.calls() == []
    [note] = request.attempts.get().receipt["notes"]
    assert note == (
        "Fake model is not answering at the moment; second was asked instead."
    )
    assert check_queue() == []


@pytest.mark.parametrize("is_of_site", [False, True], ids=["own", "of-site"])
def test_what_waits_as_the_pause_begins_goes_to_the_fallback(
    elsewhere,
    fake_config,
    make_config,
    alice,
    bob,
    note_handler,
    fake_llm,
    settings,
    is_of_site,
):
    second = make_config("second", endpoint=elsewhere[1])
    if is_of_site:
        ModelProfile.objects.create(key="fallback", config=second)
    else:
        fake_config.fallback = second
        fake_config.save()
    settings.LLM_BREAKER_FAILURES = 1
    fake_llm.always_answers(status=401)
    first, *others = [ask(alice), ask(bob), ask(alice)]

    run_until_quiet()

    assert len(fake_llm.calls()) == 1
    first.refresh_from_db()
    assert first.error_class == "key_refused"
    assert [pk for pk, _ in note_handler.delivered] == [it.pk for it in others]
    assert check_queue() == []


def test_without_a_fallback_it_waits_and_runs_when_the_endpoint_is_back(
    elsewhere, fake_endpoint, alice, fake_llm, note_handler
):
    lane = pause(fake_endpoint)
    request = ask(alice)
    sweeper.sweep()
    assert runner.run_next() is None

    Lane.objects.filter(pk=lane.pk).update(broken_until=Now())
    fake_llm.answers("Back.")
    run_until_quiet()

    assert note_handler.delivered == [(request.pk, "Back.")]
    assert not Lane.objects.paused().exists()


def test_a_fallback_that_is_set_meanwhile_is_found_by_the_sweep(
    elsewhere, fake_config, make_config, alice, note_handler
):
    pause(fake_config.endpoint)
    request = ask(alice)
    sweeper.sweep()
    fake_config.fallback = make_config("second", endpoint=elsewhere[1])
    fake_config.save()

    sweeper.sweep()
    run_until_quiet()

    assert note_handler.delivered == [(request.pk, "From elsewhere.")]


@pytest.mark.parametrize("what", ["paused", "off", "same endpoint"])
def test_a_fallback_that_cannot_answer_is_no_way(
    fallback, elsewhere, fake_endpoint, alice, what
):
    if what == "paused":
        pause(elsewhere[1])
    elif what == "off":
        Endpoint.objects.filter(pk=elsewhere[1].pk).update(is_enabled=False)
    else:
        fallback.endpoint = fake_endpoint
        fallback.save()
    pause(fake_endpoint)

    request = ask(alice)
    sweeper.sweep()

    assert runner.run_next() is None
    request.refresh_from_db()
    assert request.lane.endpoint == fake_endpoint
    assert request.fallback_config is None


def test_what_has_an_own_key_never_goes_to_the_sites(
    fallback, elsewhere, fake_endpoint, alice
):
    bring_site_key(fake_endpoint)
    bring_key(alice, fake_endpoint, OWN_KEY)
    pause(fake_endpoint)

    request = ask(alice)
    sweeper.sweep()

    assert runner.run_next() is None
    request.refresh_from_db()
    assert request.lane.endpoint == fake_endpoint
    assert elsewhere[0].calls() == []


def test_a_fallback_that_goes_away_before_its_call_lets_it_wait_again(
    fallback, elsewhere, fake_endpoint, alice
):
    pause(fake_endpoint)
    request = ask(alice)
    Endpoint.objects.filter(pk=elsewhere[1].pk).update(is_enabled=False)

    runner.run_next()

    request.refresh_from_db()
    assert (request.status, request.lane.endpoint) == (Status.PENDING, fake_endpoint)
    assert not request.attempts.exists()


def test_a_paid_fallback_over_the_budget_is_refused_not_billed(
    fallback, elsewhere, fake_endpoint, alice
):
    SpendLimit.objects.create(
        scope="member", key=str(alice.pk), period="total", cost_usd=0
    )
    pause(fake_endpoint)
    request = ask(alice)

    run_until_quiet()

    request.refresh_from_db()
    assert (request.status, request.error_class) == (Status.ERROR, "no_price")
    assert elsewhere[0].calls() == []


@pytest.fixture
def impatient(fake_config, fake_endpoint, note_handler, alice):
    """A request that has waited for a paused endpoint for longer than one may."""
    long_ago = Now() - timedelta(hours=1)
    pause(fake_endpoint, broken_at=long_ago)
    request = ask(alice)
    LLMRequest.objects.update(created_at=long_ago)
    return request


def test_who_has_waited_too_long_is_told_to_ask_again(impatient, note_handler):
    sweeper.sweep()

    impatient.refresh_from_db()
    assert (impatient.status, impatient.error_class) == (
        Status.ERROR,
        "endpoint_paused",
    )
    assert "Ask again" in impatient.error_message
    assert note_handler.ended_with == [(impatient.pk, Status.ERROR)]
    assert check_queue() == []


@pytest.mark.parametrize("why", ["asked just now", "paused just now", "stopped"])
def test_nobody_is_sent_away_before_the_patience_is_over(impatient, fake_endpoint, why):
    if why == "asked just now":
        LLMRequest.objects.update(created_at=Now())
    elif why == "paused just now":
        Lane.objects.update(broken_at=Now())
    else:
        Stop.objects.create(scope="endpoint", key=fake_endpoint.pk)

    sweeper.sweep()

    impatient.refresh_from_db()
    assert impatient.status == Status.PENDING


def lose_the_worker_after(call: int, monkeypatch) -> None:
    """Run so many calls; the last one's worker goes when it is paid, before it posts."""
    for _ in range(call - 1):
        assert runner.run_next()
    with monkeypatch.context() as patch:
        patch.setattr("llmqueue.work.outcomes.conclude", lambda *_: None)
        assert runner.run_next()
    LLMRequest.objects.running().update(lease_until=Now() - timedelta(seconds=1))
    sweeper.make_due_ready()


@pytest.mark.fault("F46")
def test_a_paid_answer_does_not_wait_for_the_endpoint_that_gave_it(
    fake_config, fake_endpoint, alice, note_handler, fake_llm, monkeypatch
):
    fake_llm.always_answers("Two hours.")
    request = ask(alice)
    lose_the_worker_after(1, monkeypatch)
    pause(fake_endpoint, broken_at=Now() - timedelta(hours=1))
    LLMRequest.objects.update(created_at=Now() - timedelta(hours=1))

    sweeper.sweep()
    run_until_quiet()

    assert note_handler.delivered == [(request.pk, "Two hours.")]
    assert len(fake_llm.calls()) == 1
    assert check_queue() == []


NO = "I'm sorry, but I can't help with that request."


@pytest.fixture
def declined(fallback, elsewhere, alice, fake_llm, note_handler):
    """A request that its model declined, and whose fallback then was paused for long."""
    fake_llm.always_answers(NO)
    request = ask(alice)
    assert runner.run_next()  # it is to go to the fallback …
    assert runner.run_next()  # … in whose lane it now waits
    request.refresh_from_db()
    assert request.lane.endpoint == elsewhere[1]
    pause(elsewhere[1], broken_at=Now() - timedelta(hours=1))
    LLMRequest.objects.update(created_at=Now() - timedelta(hours=1))
    return request


@pytest.mark.fault("F41")
@pytest.mark.requirement("Q-63")
def test_who_waited_too_long_for_a_fallback_reads_what_the_first_model_said(
    declined, elsewhere, note_handler, fake_llm
):
    sweeper.sweep()
    run_until_quiet()

    declined.refresh_from_db()
    assert note_handler.delivered == [(declined.pk, NO)]
    assert (declined.status, note_handler.ended_with) == (Status.COMPLETE, [])
    assert (len(fake_llm.calls()), elsewhere[0].calls()) == (1, [])
    assert check_queue() == []


def test_a_fallback_that_is_back_at_the_last_moment_is_asked(
    declined, elsewhere, note_handler, fake_llm
):
    sweeper.sweep()
    Lane.objects.all().close()

    run_until_quiet()

    assert note_handler.delivered == [(declined.pk, "From elsewhere.")]
    assert (len(fake_llm.calls()), len(elsewhere[0].calls())) == (1, 1)
    assert check_queue() == []
