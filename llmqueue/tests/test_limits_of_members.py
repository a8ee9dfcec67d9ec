"""What holds for one member: the own budget, the samples of a newcomer, keys of their own."""

from decimal import Decimal
from threading import Event

import pytest
from allauth.account.models import EmailAddress
from django.db import transaction

from accounts.tiers import Tier
from llmconfig.models import AISettings, ApiKey, ModelPrice, ModelProfile
from llmqueue.errors import BudgetReached, LimitReached, SampleUsedUp
from llmqueue.limits.fitting import OWN_KEY
from llmqueue.models import SpendBucket, Status
from llmqueue.tests.conftest import run_until_quiet
from llmqueue.tests.limits import PLACE, ask, limit, reply_of, taken
from tests.fake_llm import Reply
from tests.own_keys import bring_key, bring_site_key
from tests.races import start, wait_until_blocked

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("note_handler", "fake_config", "promises_held"),
]


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

    assert sorted([first.result(60), second.result(60)]) == [False, True]
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
    endpoint = bring_site_key(fake_config.endpoint)

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
    replies = [reply_of(10), Reply(status=503)]

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
