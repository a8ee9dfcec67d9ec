"""The circuit breaker: when an endpoint is paused, and what brings it back."""

import logging
from datetime import timedelta
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from django.db import connection, transaction
from django.db.models.functions import Now

from llmqueue.answers.judging import Verdict
from llmqueue.errors import EndpointPaused
from llmqueue.invariants import check_queue
from llmqueue.models import Lane, LLMAttempt, LLMRequest, Outcome, Status
from llmqueue.work import claims, outcomes, runner, sweeper
from llmqueue.work.freezing import freeze
from tests.conftest import wait_until
from tests.own_keys import OWN_KEY, bring_key, bring_site_key
from tests.races import start

pytestmark = pytest.mark.django_db(transaction=True)

MOST = 3


@pytest.fixture(autouse=True)
def _soon_paused(settings):
    settings.LLM_BREAKER_FAILURES = MOST


@pytest.fixture
def ask(note_handler, fake_config, make_request):
    """Queue a request of alice's, or of another member's, to the fake provider."""

    def ask(**fields) -> LLMRequest:
        return make_request(endpoint=fake_config.endpoint, **fields)

    return ask


@pytest.fixture
def fail(ask, fake_llm):
    """Let calls fail, each of another request; once tried again they wait for long."""

    def fail(times: int = MOST, **how) -> None:
        for _ in range(times):
            fake_llm.answers(**(how or {"status": 503}))
            ask()
            assert runner.run_next()
            LLMRequest.objects.filter(is_ready=False).update(
                not_before=Now() + timedelta(hours=9)
            )

    return fail


def lane() -> Lane:
    return Lane.objects.exclude(endpoint=None).get()


def end_the_pause() -> None:
    Lane.objects.update(broken_until=Now() - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("how", "outcome"),
    [
        ({"status": 503}, Outcome.OVERLOADED),
        ({"status": 429}, Outcome.RATE_LIMITED),
        ({"status": 429, "retry_after": 90}, Outcome.RATE_LIMITED),
        ({"status": 401}, Outcome.KEY_REFUSED),
        ({"mode": "refuse"}, Outcome.OVERLOADED),
        ({"mode": "malformed"}, Outcome.MALFORMED),
    ],
    ids=["503", "429", "429-for-long", "401", "closed", "malformed"],
)
def test_failures_in_a_row_that_speak_of_the_endpoint_pause_it(
    fail, ask, fake_llm, caplog, how, outcome
):
    fail(MOST - 1, **how)
    assert not lane().is_paused

    with caplog.at_level(logging.WARNING):
        fail(1, **how)

    paused = lane()
    assert (paused.failures, paused.broken_by) == (MOST, outcome)
    assert paused.broken_at < paused.broken_until
    assert "is paused until" in caplog.text
    ask()
    assert runner.run_next() is None
    assert len(fake_llm.calls()) == MOST
    assert check_queue() == []


@pytest.mark.parametrize(
    "how",
    [
        {"refusal": "I cannot."},
        {"finish_reason": "content_filter"},
        {"text": ""},
        {"status": 404},
        {"status": 400},
        {"status": 400, "error": {"code": "context_length_exceeded"}},
        {"status": 429, "retry_after": 2},
    ],
    ids=["refused", "filtered", "empty", "no-model", "bad", "too-long", "429-shortly"],
)
def test_what_speaks_of_one_request_does_not_pause_the_endpoint(fail, how):
    fail(MOST + 2, **how)

    assert not lane().is_paused
    assert lane().failures == 0


def test_an_answer_between_them_sets_the_count_back(fail, ask, fake_llm):
    fail(MOST - 1)
    fake_llm.answers("Yes.")
    ask()
    runner.run_next()

    fail(MOST - 1)

    assert not lane().is_paused


def test_a_key_that_this_worker_cannot_read_pauses_nothing(
    ask, fake_config, settings, fail
):
    bring_site_key(fake_config.endpoint)
    settings.LLM_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    fail(MOST + 1)

    assert set(LLMAttempt.objects.values_list("outcome", flat=True)) == {"key_refused"}
    assert not lane().is_paused


def test_failures_that_end_at_the_same_moment_are_all_counted(ask, fake_llm, settings):
    settings.LLM_BREAKER_FAILURES = 100
    fake_llm.always_answers(status=503, first_delay=0.3)
    for _ in range(4):
        ask()

    runs = [start(runner.run_next) for _ in range(4)]
    for run in runs:
        run.result(60)

    assert lane().failures == 4


def test_calls_that_began_before_the_pause_do_not_lengthen_it(ask, fake_llm, settings):
    settings.LLM_BREAKER_FAILURES = 1
    fake_llm.always_answers(status=503, first_delay=0.3)
    for _ in range(4):
        ask()

    runs = [start(runner.run_next) for _ in range(4)]
    for run in runs:
        run.result(60)

    assert lane().failures == 1


@pytest.mark.parametrize(
    ("further", "seconds"), [(0, 30), (1, 60), (2, 120), (9, 600), (60, 600)]
)
def test_each_pause_is_longer_up_to_a_bound(fail, ask, fake_llm, further, seconds):
    fail()
    Lane.objects.update(failures=MOST + further - 1) if further else None
    end_the_pause()
    if further:
        fail(1)
    else:
        Lane.objects.all().close()
        fail()

    paused = lane()
    pause = LLMAttempt.objects.latest("pk").started_at
    lasts = (paused.broken_until - pause).total_seconds()
    assert seconds * 0.75 <= lasts < seconds * 1.5


def test_a_pause_is_no_shorter_than_the_provider_asked(fail):
    fail(status=429, retry_after=200)

    begun = LLMAttempt.objects.latest("pk").started_at
    assert lane().broken_until >= begun + timedelta(seconds=200)


@pytest.mark.fault("F32")
def test_after_the_pause_exactly_one_request_is_let_through(ask, fail):
    """Four workers see at the same moment that the pause is over."""
    fail()
    for _ in range(12):
        ask()
    end_the_pause()

    with transaction.atomic():
        Lane.objects.select_for_update().get(pk=lane().pk)
        taken = [start(claims.take) for _ in range(4)]
        wait_until(lambda: count_blocked() == 4)

    probes = [found for it in taken if (found := it.result(60))]
    assert len(probes) == 1
    assert lane().probe_token == probes[0].lease_token
    assert claims.take() is None


def count_blocked() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE"
            " datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.fault("F32")
def test_four_workers_send_one_call_after_each_pause(ask, fail, fake_llm):
    """Until the endpoint answers again; then they all go on, and nothing is lost."""
    fail()
    requests = [ask() for _ in range(12)]
    fake_llm.answers(status=503)
    fake_llm.answers(status=503)
    fake_llm.always_answers("Back.", first_delay=0.2)

    def drain() -> None:
        while runner.run_next():
            pass

    for made in (1, 2):
        end_the_pause()
        workers = [start(drain) for _ in range(4)]
        for worker in workers:
            worker.result(60)
        assert len(fake_llm.calls()) == MOST + made
    end_the_pause()
    LLMRequest.objects.filter(pk__in=[it.pk for it in requests]).update(
        is_ready=True, not_before=None
    )
    while LLMRequest.objects.filter(pk__in=[it.pk for it in requests]).unfinished():
        workers = [start(drain) for _ in range(4)]
        for worker in workers:
            worker.result(60)

    assert len(fake_llm.calls()) == MOST + 2 + len(requests)
    assert check_queue() == []


def test_its_success_closes_the_breaker(fail, ask, fake_llm):
    fail()
    for _ in range(3):
        ask()
    end_the_pause()
    fake_llm.always_answers("Yes.")

    assert runner.run_next()

    now = lane()
    assert (now.is_paused, now.failures, now.broken_by) == (False, 0, "")
    assert now.broken_at is now.probe_token is None
    assert claims.take() is not None
    assert claims.take() is not None


@pytest.mark.parametrize("status", [404, 400], ids=["no-model", "bad-request"])
def test_its_own_fault_closes_the_breaker_since_the_endpoint_is_there(
    fail, ask, fake_llm, status
):
    fail()
    for _ in range(3):
        ask()
    end_the_pause()
    fake_llm.always_answers(status=status)

    assert runner.run_next()

    assert (lane().is_paused, lane().failures) == (False, 0)
    assert claims.take() is not None
    assert claims.take() is not None


def test_a_probe_that_could_not_be_sent_shows_nothing(fail, ask):
    fail()
    for _ in range(2):
        ask()
    end_the_pause()
    frozen = freeze(claims.take())

    outcomes.settle(frozen.attempt, Verdict(Outcome.BAD_REQUEST, is_unsent=True))

    assert lane().is_paused


@pytest.mark.parametrize("status", [404, 400], ids=["no-model", "bad-request"])
def test_the_fault_of_one_request_does_not_set_the_count_back(fail, status):
    fail(MOST - 1)
    fail(2, status=status)

    fail(1)

    assert lane().is_paused


def test_its_failure_opens_it_longer_and_since_the_same_time(fail, ask):
    fail()
    before = lane()
    end_the_pause()

    fail(1)

    now = lane()
    assert now.broken_at == before.broken_at
    assert now.broken_until > before.broken_until
    assert now.failures == MOST + 1
    ask()
    assert claims.take() is None


@pytest.mark.parametrize("how", ["lost", "cancelled", "moved"])
def test_a_probe_that_is_never_judged_makes_way_for_the_next(fail, ask, how):
    fail()
    for _ in range(3):
        ask()
    end_the_pause()
    probe = claims.take()
    assert claims.take() is None

    if how == "lost":
        LLMRequest.objects.filter(pk=probe.pk).update(lease_until=Now() - timedelta(1))
        sweeper.sweep()
    elif how == "cancelled":
        LLMRequest.objects.filter(pk=probe.pk).finish(
            status=Status.CANCELLED, error_class="cancelled", error_message="No."
        )
    else:
        LLMRequest.objects.give_back(probe, is_ready=False, not_before=Now())

    assert claims.take() is not None
    assert claims.take() is None


def test_a_late_word_of_an_earlier_call_does_not_close_it(fail, ask, fake_llm):
    fail()
    attempt = LLMAttempt.objects.latest("pk")
    LLMAttempt.objects.filter(pk=attempt.pk).update(outcome=Outcome.UNKNOWN)
    outcomes.settle(attempt, Verdict(Outcome.ANSWERED, "Yes."))

    assert lane().is_paused


def test_another_lane_goes_on(fail, make_request, make_config, fake_llm, fake_endpoint):
    fail()
    fake_endpoint.pk, fake_endpoint.name = None, "Other"
    fake_endpoint._state.adding = True
    fake_endpoint.save()
    other = make_config("other", endpoint=fake_endpoint)
    request = make_request(endpoint=fake_endpoint, config=other)
    fake_llm.answers("Yes.")

    assert runner.run_next()

    request.refresh_from_db()
    assert request.status == Status.COMPLETE


def test_who_was_claimed_as_the_pause_began_is_not_called(ask):
    ask()
    held = claims.take()
    Lane.objects.filter(pk=held.lane_id).update(
        broken_at=Now(), broken_until=Now() + timedelta(minutes=1), failures=MOST
    )

    with pytest.raises(EndpointPaused):
        freeze(held)

    assert not LLMAttempt.objects.exists()


# Members' own keys.


@pytest.fixture
def own_key(alice, fake_config):
    endpoint = bring_site_key(fake_config.endpoint)
    return bring_key(alice, endpoint, OWN_KEY)


@pytest.mark.parametrize("how", [{"status": 503}, {"status": 429}, {"status": 401}])
def test_calls_on_an_own_key_never_pause_the_endpoint(own_key, fail, how):
    fail(MOST + 2, **how)

    assert (lane().is_paused, lane().failures) == (False, 0)


@pytest.mark.parametrize("status", [401, 429])
def test_own_keys_go_on_while_only_the_sites_fails(own_key, ask, bob, fake_llm, status):
    for _ in range(MOST):
        fake_llm.answers(status=status)
        ask(member=bob)
        runner.run_next()
    assert lane().is_paused
    ask(member=bob)
    own = ask(on_own_key=True)
    fake_llm.answers("Yes.")

    assert runner.run_next()
    assert runner.run_next() is None

    own.refresh_from_db()
    assert own.status == Status.COMPLETE
    assert fake_llm.calls()[-1].key == OWN_KEY
    assert lane().is_paused


def test_own_keys_wait_as_well_while_the_endpoint_fails(own_key, ask, bob, fake_llm):
    for _ in range(MOST):
        fake_llm.answers(status=503)
        ask(member=bob)
        runner.run_next()
    ask(on_own_key=True)

    assert runner.run_next() is None


def test_a_request_that_has_no_own_key_any_more_is_not_called(
    own_key, ask, bob, fake_llm
):
    for _ in range(MOST):
        fake_llm.answers(status=401)
        ask(member=bob)
        runner.run_next()
    request = ask(on_own_key=True)
    own_key.delete()

    assert runner.run_next()
    assert runner.run_next() is None

    request.refresh_from_db()
    assert (request.status, request.on_own_key) == (Status.PENDING, False)
    assert len(fake_llm.calls()) == MOST


def test_who_brings_a_key_meanwhile_goes_on_with_the_next_sweep(
    ask, bob, alice, fake_config, fake_llm
):
    endpoint = bring_site_key(fake_config.endpoint)
    for _ in range(MOST):
        fake_llm.answers(status=401)
        ask(member=bob)
        runner.run_next()
    request = ask()
    bring_key(alice, endpoint, OWN_KEY)
    fake_llm.answers("Yes.")

    sweeper.sweep()
    runner.run_next()

    request.refresh_from_db()
    assert request.status == Status.COMPLETE


@pytest.mark.parametrize("status", [401, 429])
def test_an_answer_on_an_own_key_says_nothing_of_the_sites(
    own_key, ask, bob, fake_llm, status
):
    for _ in range(MOST):
        fake_llm.answers(status=status)
        ask(member=bob)
        runner.run_next()
    LLMRequest.objects.filter(status=Status.PENDING).update(
        is_ready=False, not_before=Now() + timedelta(hours=9)
    )
    end_the_pause()
    own = ask()  # it is let through as the probe, since its key came later
    fake_llm.answers("Yes.")

    runner.run_next()

    own.refresh_from_db()
    assert own.status == Status.COMPLETE
    assert lane().is_paused


def test_the_lease_of_a_probe_is_not_one_that_was_made_up(fail, ask):
    fail()
    Lane.objects.update(probe_token=uuid4())
    ask()
    end_the_pause()

    assert claims.take() is not None
