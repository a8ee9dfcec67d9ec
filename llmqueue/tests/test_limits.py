"""Limits: what is set aside before a request and a call, and what it comes to."""

from datetime import timedelta
from decimal import Decimal
from threading import Event

import pytest
import redis
from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils import timezone

from accounts.tiers import Tier
from llmconfig.models import AISettings, ApiKey, ModelPrice, ModelProfile
from llmconfig.services.keys import encrypt_site_key
from llmqueue import services
from llmqueue.errors import BudgetReached, LimitReached, SampleUsedUp
from llmqueue.limits.fitting import OWN_KEY
from llmqueue.limits.settling import settle_call
from llmqueue.models import (
    LLMAttempt,
    LLMRequest,
    Outcome,
    Reservation,
    SpendBucket,
    SpendLimit,
    Status,
)
from llmqueue.tests.conftest import run_until_quiet
from llmqueue.tests.limits import PLACE, ask, broken, limit, taken
from llmqueue.usage.recording import record_use
from llmqueue.work import runner, sweeper
from personas.models import Persona
from tests.fake_llm import Reply
from tests.own_keys import bring_key
from tests.races import start, wait_until_blocked

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("note_handler", "fake_config", "_holds"),
]


@pytest.fixture
def _holds():
    yield
    assert broken() == []


@pytest.fixture
def priced(fake_config):
    """The site's model at a dollar for a thousand tokens of its reply."""
    fake_config.max_tokens = 100
    fake_config.save()
    return ModelPrice.objects.create(
        endpoint=fake_config.endpoint,
        model=fake_config.model.upper(),
        in_usd=Decimal(0),
        out_usd=Decimal(1000),
    )


def scoped(scope: str, member, config) -> SpendLimit:
    keys = {
        "site": "",
        "tier": Tier.VERIFIED,
        "member": str(member.pk),
        "persona": str(Persona.objects.get(is_fallback=True).pk),
        "config": str(config.pk),
        "place": ":".join(PLACE),
    }
    return limit(scope, keys[scope], "daily", requests=2)


@pytest.mark.requirement("M-15", "M-26", "D-48", "O-35")
@pytest.mark.parametrize("scope", ["site", "tier", "member", "place"])
def test_what_is_known_when_a_request_is_queued_refuses_it_there(
    scope, alice, fake_config
):
    made = scoped(scope, alice, fake_config)
    ask(alice)
    ask(alice)

    with pytest.raises(LimitReached) as refused, transaction.atomic():
        ask(alice)

    assert refused.value.error_class == "limit_reached"
    assert LLMRequest.objects.count() == 2
    assert taken(made) == {"reserved_requests": 2}


@pytest.mark.parametrize("scope", ["persona", "config"])
def test_what_is_known_when_a_request_runs_ends_it_there_without_a_call(
    scope, alice, fake_config, fake_llm
):
    made = scoped(scope, alice, fake_config)
    requests = [ask(alice) for _ in range(3)]

    run_until_quiet()

    ends = [LLMRequest.objects.get(pk=it.pk).error_class for it in requests]
    assert ends == ["", "", "limit_reached"]
    assert len(fake_llm.calls()) == 2
    assert taken(made) == {"used_requests": 2}


def test_a_limit_for_each_of_a_tier_is_one_for_each_and_not_for_all(alice, bob):
    limit("tier", Tier.VERIFIED, requests=1)
    ask(alice)

    ask(bob)

    with pytest.raises(LimitReached), transaction.atomic():
        ask(alice)


def test_all_limits_have_to_pass_and_one_that_refuses_takes_from_none(alice):
    wide = limit("member", str(alice.pk), requests=9)
    limit("place", ":".join(PLACE), requests=1)
    ask(alice)

    with pytest.raises(LimitReached), transaction.atomic():
        ask(alice)

    assert taken(wide) == {"reserved_requests": 1}


def test_a_limit_that_is_off_or_for_others_refuses_nobody(alice, bob):
    limit("site", requests=0, is_enabled=False)
    limit("member", str(bob.pk), requests=0)
    limit("place", "subforum:2", requests=0)
    limit("tier", Tier.STAFF, requests=0)
    limit("tier", OWN_KEY, requests=0)

    assert ask(alice).status == Status.PENDING


@pytest.mark.requirement("M-16")
def test_limits_begin_anew_at_the_sites_midnight_by_the_databases_clock(
    alice, settings
):
    limit("site", requests=1)
    lasting = limit("member", str(alice.pk), "total", requests=2)
    settings.TIME_ZONE = "Etc/GMT+12"
    ask(alice)

    settings.TIME_ZONE = "Pacific/Kiritimati"  # where it is always another day
    ask(alice)

    days = SpendBucket.objects.filter(limit__scope="site").values_list("period_key")
    assert len(set(days)) == 2
    assert taken(lasting) == {"reserved_requests": 2}
    with pytest.raises(LimitReached), transaction.atomic():
        ask(alice)


@pytest.mark.requirement("M-16")
def test_a_request_that_waited_past_midnight_counts_for_the_day_it_was_asked(
    alice, settings
):
    made = limit("site", requests=1)
    settings.TIME_ZONE = "Etc/GMT+12"
    ask(alice)
    settings.TIME_ZONE = "Pacific/Kiritimati"

    run_until_quiet()

    assert taken(made) == {"used_requests": 1}


@pytest.mark.requirement("C-12")
def test_tokens_and_costs_are_set_aside_before_a_call_and_settled_after_it(
    alice, priced, fake_llm
):
    made = limit("site", tokens=10_000, cost_usd=Decimal("0.5"))
    seen = []
    fake_llm.answers_by(lambda _: seen.append(taken(made)) or _answer(10))
    ask(alice)

    run_until_quiet()

    call = LLMAttempt.objects.get()
    sent = sum(part.tokens for part in call.parts.all())
    assert seen == [
        {"reserved_tokens": sent + 100, "reserved_usd": Decimal("0.1")},
    ]
    assert call.cost_usd == Decimal("0.01")
    assert taken(made) == {"used_tokens": 17, "used_usd": Decimal("0.01")}


def _answer(tokens: int):
    usage = {"prompt_tokens": 7, "completion_tokens": tokens}
    return Reply(text="Two hours.", usage=usage)


@pytest.mark.fault("B7")
@pytest.mark.requirement("R-79")
def test_a_call_that_could_pass_a_limit_on_costs_is_not_made(alice, priced, fake_llm):
    limit("site", cost_usd=Decimal("0.15"))
    fake_llm.answers_by(lambda _: _answer(100))
    requests = [ask(alice), ask(alice)]

    run_until_quiet()

    ends = [LLMRequest.objects.get(pk=it.pk).error_class for it in requests]
    assert ends == ["", "limit_reached"]
    assert len(fake_llm.calls()) == 1


def test_a_call_may_cost_more_than_its_estimate_and_the_next_is_refused(
    alice, priced, fake_llm
):
    made = limit("site", cost_usd=Decimal("0.15"))
    fake_llm.answers_by(lambda _: _answer(900))
    requests = [ask(alice), ask(alice)]

    run_until_quiet()

    assert taken(made) == {"used_tokens": 907, "used_usd": Decimal("0.9")}
    requests[1].refresh_from_db()
    assert requests[1].error_class == "limit_reached"


@pytest.mark.parametrize("period", ["daily", "total"])
def test_a_model_without_a_price_is_refused_under_a_limit_on_costs(
    period, alice, fake_config, fake_llm
):
    limit("site", "", period, cost_usd=Decimal(5))
    request = ask(alice)

    run_until_quiet()

    request.refresh_from_db()
    assert (request.status, request.error_class) == (Status.ERROR, "no_price")
    assert str(fake_config) in request.error_message
    assert fake_llm.calls() == []


def test_a_price_of_nothing_is_a_price_and_passes_where_nothing_is_left(
    alice, priced, fake_llm
):
    made = limit("site", cost_usd=Decimal(0))
    ModelPrice.objects.update(out_usd=0)
    request = ask(alice)

    run_until_quiet()

    request.refresh_from_db()
    assert request.status == Status.COMPLETE
    assert "used_usd" not in taken(made)


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
        return _answer(10)

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
    fake_llm.answers_by(lambda _: _answer(10))
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
    fake_llm.answers_by(lambda _: _answer(10))
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
    fake_llm.answers_by(lambda _: _answer(10))
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


def test_a_lower_limit_refuses_new_requests_and_none_that_wait(alice):
    made = limit("site", requests=5)
    requests = [ask(alice), ask(alice)]
    SpendLimit.objects.filter(pk=made.pk).update(requests=1)

    with pytest.raises(LimitReached), transaction.atomic():
        ask(alice)
    run_until_quiet()

    ends = {LLMRequest.objects.get(pk=it.pk).status for it in requests}
    assert ends == {Status.COMPLETE}


@pytest.mark.fault("A-RATE-1")
def test_emptying_valkey_changes_no_limit(alice, settings):
    made = limit("site", requests=1)
    ask(alice)

    redis.Redis.from_url(settings.REDIS_URL).flushall()

    assert taken(made) == {"reserved_requests": 1}
    with pytest.raises(LimitReached), transaction.atomic():
        ask(alice)


@pytest.mark.requirement("R-79", "R-97", "C-20", "M-27")
def test_requests_beyond_the_own_budget_are_refused_with_the_reason(alice):
    AISettings.objects.create(user=alice, budget_requests=1, budget_period="daily")
    ask(alice)

    with pytest.raises(BudgetReached, match="budget of 1 request today"):
        ask(alice)


@pytest.mark.fault("B7")
@pytest.mark.requirement("R-79", "R-97", "C-20", "M-27")
def test_a_paid_fallback_of_a_free_model_is_refused_and_not_billed(
    alice, fake_config, make_config, fake_llm
):
    paid = make_config("paid", endpoint=fake_config.endpoint, max_tokens=100)
    fake_config.fallback = paid
    fake_config.save()
    for config, usd in ((fake_config, 0), (paid, 1000)):
        ModelPrice.objects.create(
            endpoint=config.endpoint, model=config.model, in_usd=0, out_usd=usd
        )
    AISettings.objects.create(user=alice, budget_usd=Decimal("0.01"))
    fake_llm.always_answers(status=503)
    request = ask(alice)

    run_until_quiet()

    request.refresh_from_db()
    assert (request.status, request.error_class) == (Status.ERROR, "budget_reached")
    assert {call.body["model"] for call in fake_llm.calls()} == {"fake-1"}
    assert SpendBucket.objects.get(budget_of=alice).used_usd == 0


@pytest.fixture
def newcomer(make_member, fake_config):
    ModelProfile.objects.create(key="cheap", config=fake_config)
    limit("tier", Tier.SAMPLE, "total", requests=3)
    return make_member("newcomer", is_confirmed=False)


@pytest.mark.requirement("M-25", "M-28", "M-29")
def test_an_unconfirmed_members_fourth_request_is_refused_with_what_to_do(newcomer):
    for _ in range(3):
        ask(newcomer)
    run_until_quiet()

    with pytest.raises(SampleUsedUp, match="Confirm your address"):
        ask(newcomer)


@pytest.mark.fault("F56")
@pytest.mark.requirement("C-19", "M-16", "M-29", "O-47")
def test_of_two_requests_at_once_with_one_left_one_passes(newcomer):
    ask(newcomer)
    ask(newcomer)

    def press() -> bool:
        try:
            with transaction.atomic():
                ask(newcomer)
                here.wait(5)  # the other waits for the bucket meanwhile
        except SampleUsedUp:
            return False
        return True

    here = Event()
    first, second = start(press), start(press)
    wait_until_blocked(first)
    here.set()

    assert sorted([first.result(20), second.result(20)]) == [False, True]
    assert SpendBucket.objects.get(subject=newcomer.pk).reserved_requests == 3


@pytest.mark.requirement("M-25", "M-28", "M-29")
def test_an_unconfirmed_member_goes_on_once_the_address_is_confirmed(newcomer):
    for _ in range(3):
        ask(newcomer)
    EmailAddress.objects.filter(user=newcomer).update(verified=True)

    assert ask(newcomer).status == Status.PENDING


@pytest.fixture
def own_key(fake_config, alice):
    """Alice has a key of her own where all are answered; `own_key(False)` takes it away."""
    endpoint = fake_config.endpoint
    endpoint.site_key = encrypt_site_key(
        "sk-the-site-s-own-key", address=endpoint.address
    )
    endpoint.save()

    def switch(is_there: bool) -> None:
        ApiKey.objects.all().delete()
        if is_there:
            bring_key(alice, endpoint, "sk-the-own-key-of-alice-1234")

    switch(True)
    return switch


@pytest.mark.requirement("M-27", "C-20", "O-38")
def test_an_own_key_meets_no_spending_limit(own_key, alice):
    for scope in ("site", "place"):
        limit(scope, "" if scope == "site" else ":".join(PLACE), requests=0)
    limit("tier", Tier.VERIFIED, requests=0, cost_usd=Decimal(0))
    request = ask(alice)

    run_until_quiet()

    request.refresh_from_db()
    assert request.status == Status.COMPLETE


@pytest.mark.requirement("M-27", "C-20")
def test_an_own_key_meets_the_limit_against_abuse(own_key, alice):
    limit("tier", OWN_KEY, requests=1)
    ask(alice)

    with pytest.raises(LimitReached):
        ask(alice)


@pytest.mark.requirement("M-27", "C-20")
def test_an_own_key_meets_the_own_budget(own_key, alice):
    AISettings.objects.create(user=alice, budget_requests=0)

    with pytest.raises(BudgetReached):
        ask(alice)


@pytest.mark.requirement("M-27", "C-20")
def test_a_key_that_is_removed_meanwhile_brings_the_limits_back(
    own_key, alice, fake_llm
):
    limit("tier", Tier.VERIFIED, requests=0)
    abuse = limit("tier", OWN_KEY, requests=5)
    request = ask(alice)
    own_key(False)

    run_until_quiet()

    request.refresh_from_db()
    assert request.error_class == "limit_reached"
    assert fake_llm.calls() == []
    assert taken(abuse) == {}


@pytest.mark.requirement("M-27", "C-20")
def test_what_was_given_back_for_a_key_is_taken_again_when_the_key_is_gone(
    own_key, alice, fake_llm
):
    abuse, site = limit("tier", OWN_KEY, requests=5), limit(requests=5)
    replies = [_answer(10), Reply(status=503)]

    def answer(_):
        own_key(False)
        return replies.pop()

    fake_llm.answers_by(answer)
    own_key(False)
    ask(alice)
    assert taken(site) == {"reserved_requests": 1}
    own_key(True)

    run_until_quiet()

    assert taken(abuse) == taken(site) == {"used_requests": 1}


def test_unknown_outcomes_stay_reserved_while_their_worker_lives(
    alice, fake_llm, monkeypatch
):
    made = limit("site", requests=1)
    ask(alice)
    lose_its_worker(monkeypatch)

    sweeper.sweep()

    assert LLMAttempt.objects.get().outcome == Outcome.UNKNOWN
    assert taken(made) == {"reserved_requests": 1}
