"""Limits: which requests and calls they let pass."""

from decimal import Decimal

import pytest
import redis
from django.db import transaction

from accounts.tiers import Tier
from llmconfig.models import ModelPrice
from llmqueue.errors import LimitReached
from llmqueue.limits.fitting import OWN_KEY
from llmqueue.models import LLMRequest, SpendBucket, SpendLimit, Status
from llmqueue.tests.conftest import run_until_quiet
from llmqueue.tests.limits import PLACE, ask, limit, reply_of, taken
from personas.models import Persona

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("note_handler", "fake_config", "promises_held"),
]


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


@pytest.mark.fault("B7")
@pytest.mark.requirement("R-79")
def test_a_call_that_could_pass_a_limit_on_costs_is_not_made(alice, priced, fake_llm):
    limit("site", cost_usd=Decimal("0.15"))
    fake_llm.answers_by(lambda _: reply_of(100))
    requests = [ask(alice), ask(alice)]

    run_until_quiet()

    ends = [LLMRequest.objects.get(pk=it.pk).error_class for it in requests]
    assert ends == ["", "limit_reached"]
    assert len(fake_llm.calls()) == 1


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
