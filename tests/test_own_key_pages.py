"""What pages say of whose key answers, and where a member puts theirs right."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from forum.services import asks
from llmconfig.models import Endpoint, OpenTo
from llmqueue.work import runner
from tests.own_keys import OWN_KEY, bring_key, bring_site_key
from tests.queue_pages import LIST, as_, page

pytestmark = pytest.mark.django_db

KEYS = 'href="/settings/keys/">Settings › Keys'


@pytest.fixture
def endpoint(fake_config) -> Endpoint:
    return bring_site_key(fake_config.endpoint)


@pytest.mark.requirement("R-72", "M-17", "O-38")
def test_pages_say_whose_key_it_was_and_never_which(
    answer, opening, bob, carol, endpoint
):
    bring_key(bob, endpoint, OWN_KEY, nickname="secret-nickname")
    request = answer(opening, bob).request

    rule = "the member&#x27;s own key"
    for reader, words, told in (
        (bob, "your key", f"your key <i>{rule}</i>"),
        (carol, rule, rule),
    ):
        client = as_(reader)
        whole = page(client, request.get_absolute_url())
        assert f"with Fake model on {words}" in page(client)
        assert f"<dd>{told}</dd>" in whole
        assert "How this was chosen: key" in whole
        assert f"<td>{words}</td>" in whole
        topic = page(client, opening.topic.get_absolute_url())
        assert f"<dd>{told}</dd>" in topic
        for text in (whole, topic):
            assert "e-77" not in text
            assert "r-77" not in text
            assert "secret-nickname" not in text


def test_pages_say_that_it_was_the_site_s(answer, opening, bob, endpoint):
    request = answer(opening, bob).request

    assert "on the site&#x27;s key" in page(as_(bob))
    whole = page(as_(bob), request.get_absolute_url())
    assert "<dd>the site&#x27;s key</dd>" in whole
    assert "The member has no key of their own for Fake." in whole


def test_what_waits_says_whose_key_it_will_be(opening, bob, carol, endpoint):
    asks.ask(post=opening, member=bob)
    assert "on the site&#x27;s key" in page(as_(bob))

    bring_key(bob, endpoint, OWN_KEY)

    assert "with Fake model on your key" in page(as_(bob))
    assert "on the member&#x27;s own key" in page(as_(carol))
    answering = reverse(
        "studio:topic_answering", args=[opening.topic.slug, opening.topic_id]
    )
    assert "on your key" in page(as_(bob), answering)
    assert "on the site&#x27;s key" in page(as_(carol), answering)


@pytest.mark.requirement("R-73", "O-37", "O-38")
def test_whose_own_key_fails_is_led_to_where_it_is_put_right(
    fake_llm, opening, bob, carol, staff, endpoint
):
    bring_key(bob, endpoint, OWN_KEY)
    fake_llm.answers(status=401)
    request = asks.ask(post=opening, member=bob).request
    runner.run_next()
    topic = opening.topic.get_absolute_url()

    for reader in (bob, carol, staff):
        client = as_(reader)
        whole = page(client, request.get_absolute_url())
        assert "Fake refused the member&#x27;s own key" in whole
        for text in (whole, page(client, topic)):
            assert (KEYS in text) == (reader == bob)
    assert KEYS in page(as_(bob), "/notices/")
    assert "Refused by the provider" in page(as_(bob), "/settings/keys/")


@pytest.mark.requirement("C-29", "R-73")
def test_who_has_no_key_where_one_is_needed_is_led_there_too(opening, bob, endpoint):
    Endpoint.objects.update(open_to=OpenTo.NOBODY)
    asks.ask(post=opening, member=bob)
    assert "answers nobody at the site&#x27;s expense" in page(as_(bob))

    runner.run_next()

    assert KEYS in page(as_(bob), opening.topic.get_absolute_url())


@pytest.mark.requirement("M-17")
def test_a_page_of_the_queue_costs_the_same_with_many_own_keys(
    opening, make_member, endpoint
):
    Endpoint.objects.update(open_to=OpenTo.VERIFIED)
    counts = []
    for number in range(6):
        member = make_member(f"member-{number}")
        if number % 2:
            bring_key(member, endpoint, OWN_KEY)
        asks.ask(post=opening, member=member)
        client = as_(None)
        with CaptureQueriesContext(connection) as queries:
            page(client, LIST)
        counts.append(len(queries))

    assert counts[1] == counts[-1]
    assert counts[-1] <= 10  # two more than without: keys, and who has confirmed


@pytest.mark.requirement("M-21")
def test_the_test_bench_offers_the_models_one_can_use(
    bob, alice, endpoint, make_persona
):
    make_persona("chef", owner=bob)
    address = "/personas/chef/try/"
    assert "fake-1 at Fake" in page(as_(bob), address)
    Endpoint.objects.update(open_to=OpenTo.NOBODY)
    assert "fake-1 at Fake" not in page(as_(bob), address)

    bring_key(bob, endpoint, OWN_KEY)

    assert "fake-1 at Fake" in page(as_(bob), address)
