"""Settings > Limits, and what a member has left before they ask."""

from decimal import Decimal
from importlib import import_module

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEvent
from forum.services import asks
from llmconfig.models import AISettings, LLMConfig, ModelProfile
from llmqueue.limits.fitting import OWN_KEY
from llmqueue.models import LLMRequest, Reservation, SpendBucket, SpendLimit
from tests.own_keys import bring_key, bring_site_key

pytestmark = pytest.mark.django_db

LIST = "/settings/limits/"
NEW = f"{LIST}new/"
BUDGET = "/settings/models/budget/"


@pytest.fixture(autouse=True)
def _none():
    SpendLimit.objects.all().delete()


@pytest.fixture
def ruled(visit, staff):
    return visit(staff)


def limit(scope="site", key="", period="daily", **amounts) -> SpendLimit:
    return SpendLimit.objects.create(scope=scope, key=key, period=period, **amounts)


def last_event() -> AuditEvent:
    return AuditEvent.objects.latest("pk")


@pytest.mark.requirement("D-48", "M-15")
def test_staff_add_a_limit_on_the_record(ruled, staff):
    form = {"whom": "site", "period": "daily", "requests": "50", "cost_usd": "1.50"}

    page = ruled.post(NEW, form, follow=True)

    assert "50 requests; used now: 0 requests" in page.text
    assert "$1.50; used now: $0.00" in page.text
    made = SpendLimit.objects.get()
    assert (made.requests, made.tokens, made.cost_usd) == (50, None, Decimal("1.5"))
    event = last_event()
    assert (event.actor, event.action) == (staff, "limit created")
    assert event.detail["before"] is None
    assert event.detail["after"]["cost_usd"] == "1.5"


@pytest.mark.parametrize(
    ("whom", "named", "scope", "name"),
    [
        ("tier:sample", "", "tier", "Each member whose address is not confirmed"),
        (f"tier:{OWN_KEY}", "", "tier", "Each member, on a key of their own"),
        ("place", "", "place", "Subforum Kitchen"),
        ("config", "", "config", "Model Fake model"),
        ("named", "@alice", "member", "Member @alice"),
        ("named", "maestro", "persona", "Persona Maestro"),
    ],
    ids=["sample", "own key", "subforum", "model", "member", "persona"],
)
def test_a_limit_is_for_whom_it_was_set(
    whom, named, scope, name, ruled, alice, subforum, fake_config
):
    keys = {
        "place": f"place:subforum:{subforum.pk}",
        "config": f"config:{fake_config.pk}",
    }
    form = {"whom": keys.get(whom, whom), "named": named, "period": "total"}

    page = ruled.post(NEW, form | {"tokens": "1000"}, follow=True)

    assert SpendLimit.objects.get().scope == scope
    assert name in page.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"requests": ""}, "Please limit something"),
        ({"requests": "-1"}, "greater than or equal to 0"),
        ({"requests": "many"}, "Enter a whole number"),
        ({"cost_usd": "nan"}, "Enter a number"),
        ({"whom": "place:subforum:999"}, "Select a valid choice"),
        (
            {"whom": "named", "named": "@nobody"},
            "No member and no persona is called so",
        ),
        ({"whom": "tier:verified"}, "There is such a limit already"),
    ],
    ids=["nothing", "negative", "no number", "nan", "no place", "nobody", "twice"],
)
def test_what_is_wrong_with_a_limit_is_said_and_nothing_is_set(change, said, ruled):
    limit("tier", "verified", "daily", requests=1)
    form = {"whom": "site", "period": "daily", "requests": "5"} | change

    page = ruled.post(NEW, form)

    assert page.status_code == 422
    assert said in page.text
    assert SpendLimit.objects.count() == 1


def test_a_private_model_of_a_member_is_not_offered(ruled, alice, fake_endpoint):
    own = LLMConfig.objects.create(
        name="Alice's own", model="x", endpoint=fake_endpoint, owner=alice
    )

    assert "Alice&#x27;s own" not in ruled.get(NEW).text
    form = {"whom": f"config:{own.pk}", "period": "daily", "requests": "5"}
    assert ruled.post(NEW, form).status_code == 422


@pytest.mark.requirement("M-16")
def test_a_limit_is_changed_switched_and_deleted_on_the_record(ruled):
    made = limit(requests=50)

    ruled.post(f"{LIST}{made.pk}/", {"requests": "", "tokens": "900"})
    changed = last_event()
    ruled.post(f"{LIST}{made.pk}/toggle/", {"enable": "no"})
    made.refresh_from_db()
    ruled.post(f"{LIST}{made.pk}/delete/")

    assert (made.requests, made.tokens, made.is_enabled) == (None, 900, False)
    assert changed.detail["before"]["requests"] == 50
    assert changed.detail["after"]["tokens"] == 900
    actions = AuditEvent.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["limit changed", "limit switched_off", "limit deleted"]
    assert not SpendLimit.objects.exists()


def test_a_limit_with_reservations_is_deleted_with_them(
    ruled, alice, topic, fake_config
):
    made = limit(requests=50)
    asks.ask(post=topic.posts.get(), member=alice)

    ruled.post(f"{LIST}{made.pk}/delete/")

    assert not SpendBucket.objects.exists()
    assert not Reservation.objects.exists()
    assert LLMRequest.objects.get().is_open


def test_the_list_says_what_is_used_of_each(ruled, alice, bob, topic, fake_config):
    limit(requests=50)
    limit("tier", "verified", requests=20)
    for member in (alice, alice, bob):
        asks.ask(post=topic.posts.get(), member=member)

    page = ruled.get(LIST).text

    assert "50 requests; used now: 3 requests" in page
    assert "20 requests; whoever used most: 2 requests" in page
    assert "2 used something of theirs" in page


def test_the_list_takes_as_many_queries_however_many_limits(ruled, make_member):
    counts = []
    for number in range(2):
        for one in range(3):
            member = make_member(f"m{number}{one}")
            limit("member", str(member.pk), requests=1)
        with CaptureQueriesContext(connection) as queries:
            ruled.get(LIST)
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_staff_are_told_while_no_model_is_there_for_unconfirmed_members(
    ruled, fake_config
):
    told = "cannot ask at all"

    assert told in ruled.get(LIST).text
    ModelProfile.objects.create(key="cheap", config=fake_config)
    assert told not in ruled.get(LIST).text


def test_staff_are_told_while_nothing_bounds_the_costs(ruled):
    limit(requests=5)
    idle = limit(period="monthly", cost_usd=Decimal(20), is_enabled=False)
    told = "Nothing here bounds costs."

    assert told in ruled.get(LIST).text
    SpendLimit.objects.filter(pk=idle.pk).update(is_enabled=True)
    assert told not in ruled.get(LIST).text


@pytest.mark.requirement("M-16", "D-48")
def test_the_form_says_what_is_left_before_one_asks(visit, alice, topic, fake_config):
    limit("tier", "verified", requests=20)
    limit(requests=500)
    post = topic.posts.get()
    asks.ask(post=post, member=alice)

    page = visit(alice).get(f"/posts/{post.pk}/ask/").text

    assert "19 of 20 requests left today. It begins anew on " in page
    assert "of 500 requests" not in page  # what all have together is nobody's own


@pytest.fixture
def own_key(alice, fake_config) -> None:
    endpoint = bring_site_key(fake_config.endpoint)
    bring_key(alice, endpoint, "sk-the-own-key-of-alice-1234")


@pytest.mark.requirement("M-27", "C-20")
def test_with_an_own_key_the_form_says_that_no_spending_limit_holds(
    visit, alice, bob, topic, own_key
):
    limit("tier", "verified", requests=20)
    limit("tier", "own_key", requests=500)
    AISettings.objects.create(user=alice, budget_requests=30)
    address = f"/posts/{topic.posts.get().pk}/ask/"

    page, others = visit(alice).get(address).text, visit(bob).get(address).text

    assert "No spending limit with your own key" in page
    assert "500 of 500 requests left today." in page
    assert "30 of 30 requests of your own budget left this month." in page
    assert "of 20 requests" not in page
    assert "20 of 20 requests left today." in others
    assert "own key" not in others


@pytest.mark.requirement("M-27", "C-20")
def test_the_budgets_page_tells_both_ways(visit, alice, bob, own_key):
    limit("tier", "verified", requests=20)
    limit("tier", "own_key", requests=500)

    page = visit(alice).get(BUDGET).text

    assert "20 of 20 requests left today." in page
    assert "No spending limit with your own key" in page
    assert "500 of 500 requests left today." in page
    assert "No spending limit" not in visit(bob).get(BUDGET).text


@pytest.mark.requirement("M-16")
def test_what_is_used_up_is_said_once(visit, alice, topic, fake_config):
    limit("tier", "verified", requests=0)

    page = visit(alice).get(f"/posts/{topic.posts.get().pk}/ask/").text

    assert page.count("0 of 0 requests left today.") == 1


@pytest.mark.requirement("M-25")
def test_who_is_not_confirmed_reads_how_much_there_is_to_try(
    visit, make_member, topic, fake_config
):
    ModelProfile.objects.create(key="cheap", config=fake_config)
    limit("tier", "sample", "total", requests=3)
    newcomer = make_member("newcomer", is_confirmed=False)
    address = f"/posts/{topic.posts.get().pk}/ask/"

    said = []
    for _ in range(4):
        said.append(visit(newcomer).get(address).text)
        last = visit(newcomer).post(address, {"persona": ""})

    left = "requests left until your address is confirmed"
    assert [f"{3 - at} of 3 {left}" in page for at, page in enumerate(said)] == [
        True
    ] * 4
    assert last.status_code == 422
    assert "Confirm your address in Settings › Email" in last.text


def test_the_form_says_it_when_the_whole_site_has_nothing_left(
    visit, alice, topic, fake_config
):
    limit(requests=0)

    page = visit(alice).get(f"/posts/{topic.posts.get().pk}/ask/").text

    assert "The whole site has used what it may today." in page


@pytest.mark.requirement("M-28")
@pytest.mark.fault("A-RATE-1")
def test_who_has_nothing_left_is_told_in_the_form_which_keeps_its_choice(
    visit, alice, topic, fake_config, make_persona
):
    limit("tier", "verified", requests=0)
    chef = make_persona("chef", owner=alice)
    address = f"/posts/{topic.posts.get().pk}/ask/"

    page = visit(alice).post(address, {"persona": chef.pk})

    assert page.status_code == 422
    assert "There is no room left in your limit of 0 requests today." in page.text
    assert f'value="{chef.pk}" selected' in page.text
    assert not LLMRequest.objects.exists()


@pytest.mark.requirement("M-24")
def test_a_guest_is_offered_no_persona_and_cannot_ask(visit, topic, fake_config):
    address = f"/posts/{topic.posts.get().pk}/ask/"

    assert address not in visit().get(topic.get_absolute_url()).text
    assert visit().post(address, {"persona": ""}).status_code == 302
    assert not LLMRequest.objects.exists()


@pytest.mark.requirement("R-79", "R-97")
def test_a_member_sets_and_clears_their_own_budget(visit, alice):
    browser = visit(alice)

    form = {"usd": "2.5", "requests": "30", "period": "monthly"}
    page = browser.post(BUDGET, form, follow=True).text
    assert "$2.50 of $2.50 of your own budget left this month." in page
    assert "30 of 30 requests of your own budget left this month." in page
    assert 'value="2.5"' in page
    own = AISettings.objects.get(user=alice)
    assert (own.budget_usd, own.budget_requests) == (Decimal("2.5"), 30)

    browser.post(BUDGET, {"period": "monthly"})
    own.refresh_from_db()
    assert (own.budget_usd, own.budget_requests) == (None, None)


def test_a_budget_that_is_no_amount_is_refused(visit, alice):
    page = visit(alice).post(BUDGET, {"usd": "-1", "period": "weekly"})

    assert page.status_code == 422
    assert not AISettings.objects.exists()


@pytest.mark.parametrize("address", [LIST, NEW, f"{LIST}1/", f"{LIST}1/delete/"])
def test_limits_are_for_staff(address, visit, alice):
    assert visit(alice).get(address).status_code == 404


def test_what_a_site_begins_with_has_room_for_a_small_one():
    rows = import_module("llmqueue.migrations.0008_default_limits").LIMITS

    found = {(it["scope"], it["key"]): (it["period"], it["requests"]) for it in rows}
    assert found["tier", "sample"] == ("total", 3)
    assert {"verified", "own_key"} <= {key for _, key in found}
