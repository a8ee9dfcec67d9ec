"""Notices: members are told what became of what they asked for, also the next morning."""

import re

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from forum.models import Notice, NoticeKind
from forum.services import asks, notices, posts
from forum.tests.conftest import HTMX
from llmqueue import services as queue
from llmqueue.models import LLMRequest
from llmqueue.work import runner
from tests.races import start, wait_until_blocked

pytestmark = pytest.mark.django_db

BADGE = '<b class="count">1'


@pytest.fixture
def ask_bob(opening, bob, fake_config, fake_llm):
    """Bob asks; `answer` None: the provider refuses the key."""

    def run(answer: str | None = "Two hours."):
        if answer is None:
            fake_llm.answers(status=401)
        else:
            fake_llm.always_answers(answer)
        ask = asks.ask(post=opening, member=bob)
        runner.run_next()
        ask.refresh_from_db()
        return ask

    return run


def front_page(client) -> str:
    return client.get("/").content.decode()


def test_an_answer_is_told_and_found_the_next_morning(as_, ask_bob, bob, alice):
    ask = ask_bob()

    assert BADGE in front_page(as_(bob))
    assert BADGE not in front_page(as_(alice))
    page = as_(bob).get("/notices/").content.decode()
    assert "Companion answered: Soup" in page
    assert ask.reply.get_absolute_url() in page
    assert "New" in page


def test_a_failure_is_told_with_its_reason(as_, ask_bob, bob):
    ask = ask_bob(None)

    page = as_(bob).get("/notices/").content.decode()

    assert "Companion could not answer: Soup" in page
    assert ask.request.error_message in page
    assert ask.request.get_absolute_url() in page


def test_reading_the_topic_counts_as_seen(as_, ask_bob, bob, opening):
    ask_bob()
    browser = as_(bob)
    browser.get(opening.topic.get_absolute_url())

    assert BADGE not in front_page(browser)
    bob.refresh_from_db()
    assert bob.unseen_notices == 0


def test_the_reply_that_comes_live_counts_as_seen(as_, ask_bob, bob, alice):
    ask = ask_bob()
    as_(alice).get(ask.get_absolute_url(), headers=HTMX)
    bob.refresh_from_db()
    assert bob.unseen_notices == 1

    as_(bob).get(ask.get_absolute_url(), headers=HTMX)

    bob.refresh_from_db()
    assert bob.unseen_notices == 0


@pytest.mark.django_db(transaction=True)
def test_two_pages_at_once_count_a_notice_as_seen_once(ask_bob, bob, client):
    """As when a topic is opened while the same one, in another tab, shows the reply."""
    reply = ask_bob().reply
    client.force_login(bob)
    with transaction.atomic():
        notices.mark_seen(user=User.objects.get(pk=bob.pk), shown=[reply])
        page = start(lambda: client.get(reply.topic.get_absolute_url()))
        wait_until_blocked(page)

    assert page.result(60).status_code == 200
    bob.refresh_from_db()
    assert bob.unseen_notices == 0


def test_another_topic_leaves_them_unseen(as_, ask_bob, bob, alice, subforum):
    ask_bob()
    other = posts.create_topic(
        subforum=subforum, author=alice, title="Bread", body="And bread?"
    )

    as_(bob).get(other.get_absolute_url())

    assert BADGE in front_page(as_(bob))


def test_all_can_be_marked_as_read_and_only_ones_own(as_, ask_bob, bob, alice):
    ask_bob()
    assert as_(alice).post("/notices/see/").status_code == 302
    assert Notice.objects.unseen().count() == 1

    for _ in range(2):
        assert as_(bob).post("/notices/see/").status_code == 302

    bob.refresh_from_db()
    assert bob.unseen_notices == 0
    assert not Notice.objects.unseen().exists()


def test_guests_have_none(client, as_, ask_bob):
    ask_bob()

    assert client.get("/notices/").status_code == 302
    assert client.post("/notices/see/").status_code == 302
    assert client.get("/notices/count/").status_code == 302
    assert 'id="notices"' not in front_page(client)


def test_who_cancels_is_not_told_of_it_but_others_are(opening, bob, staff, alice):
    own = asks.ask(post=opening, member=bob)
    queue.cancel_by(request=own.request, member=bob)
    assert not Notice.objects.exists()

    by_staff = asks.ask(post=opening, member=bob)
    queue.cancel_by(request=by_staff.request, member=staff)
    with_post = asks.ask(post=opening, member=bob)
    posts.delete_post(post=opening, actor=alice)

    told = Notice.objects.order_by("pk").values_list("ask", "user", "kind")
    assert list(told) == [
        (by_staff.pk, bob.pk, NoticeKind.CANCELLED),
        (with_post.pk, bob.pk, NoticeKind.CANCELLED),
    ]


def test_a_request_that_crashed_is_told(opening, bob, fake_config, settings):
    from llmqueue.work import claims, sweeper

    ask = asks.ask(post=opening, member=bob)
    for _ in range(settings.LLM_MAX_LAPSES):
        claims.take()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE queue_llmrequest SET lease_until = now() - '1 s'::interval"
            )
        sweeper.sweep()

    assert LLMRequest.objects.get().error_class == "crashed"
    assert Notice.objects.get().kind == NoticeKind.FAILED
    assert Notice.objects.get().ask == ask


def test_the_header_costs_no_query(as_, ask_bob, bob):
    browser = as_(bob)
    browser.get("/")
    with CaptureQueriesContext(connection) as before:
        browser.get("/")
    ask_bob()

    with CaptureQueriesContext(connection) as after:
        assert BADGE in browser.get("/").content.decode()

    assert len(after) == len(before)


def test_the_latest_come_first_and_in_one_query(ask_bob, bob):
    first, second = ask_bob(), ask_bob(None)

    with CaptureQueriesContext(connection) as queries:
        found, older = notices.latest(bob)
        assert [it.ask.post.topic.subforum.name for it in found] == ["Kitchen"] * 2

    assert [it.ask for it in found] == [second, first]
    assert older is None
    [query] = queries
    assert '"body"' not in query["sql"]  # posts may be long, receipts are
    assert '"receipt"' not in query["sql"]


def test_all_are_reached_page_by_page(as_, opening, bob, alice, staff, monkeypatch):
    monkeypatch.setattr(notices, "PAGE_SIZE", 2)
    made = [asks.ask(post=opening, member=bob).request for _ in range(5)]
    others = asks.ask(post=opening, member=alice).request
    for request in (*made, others):
        queue.cancel_by(request=request, member=staff)
    browser, address, found = as_(bob), "/notices/", []

    while address:
        page = browser.get(address).content.decode()
        found.append(re.findall(r"/queue/([-0-9a-f]{36})/", page))
        link = re.search(r'rel="next" href="([^"]+)"', page)
        address = f"/notices/{link[1]}" if link else ""

    ids = [str(request.public_id) for request in reversed(made)]
    assert found == [ids[:2], ids[2:4], ids[4:]]
    for nonsense in ("x", "-1", "1" * 19):
        assert browser.get(f"/notices/?before={nonsense}").status_code == 404
