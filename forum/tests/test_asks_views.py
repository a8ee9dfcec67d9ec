"""Asking through the pages, and what an ask shows."""

import re
import uuid
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from forum.models import Ask, Topic
from forum.services import asks, posts
from forum.tests.conftest import HTMX, end
from llmqueue.models import LLMRequest, Status, Stop
from llmqueue.work import runner, sweeper

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(opening, alice, maestro) -> Ask:
    return asks.ask(post=opening, member=alice, persona=maestro)


@pytest.mark.requirement("F-24")
def test_asking_leads_back_to_the_post(as_, bob, opening, maestro):
    response = as_(bob).post(f"/posts/{opening.pk}/ask/", {"persona": maestro.pk})

    ask = Ask.objects.get()
    assert (ask.request.persona, ask.request.requested_by) == (maestro, bob)
    assert response["Location"] == opening.get_absolute_url()


def test_asking_without_a_choice_leaves_it_open(as_, bob, opening):
    as_(bob).post(f"/posts/{opening.pk}/ask/", {"persona": ""})

    assert Ask.objects.get().request.persona is None


def test_an_ask_by_htmx_comes_to_stand_under_the_post(as_, bob, opening, maestro):
    answer = as_(bob).post(
        f"/posts/{opening.pk}/ask/", {"persona": maestro.pk}, headers=HTMX
    )

    page = answer.content.decode()
    assert (answer["HX-Retarget"], answer["HX-Reswap"]) == ("#entry-1", "beforeend")
    assert answer["Location"] == opening.get_absolute_url()
    assert f'id="ask-{LLMRequest.objects.get().public_id}"' in page
    assert "Maestro is waiting" in page
    assert "data-stream=" in page


@pytest.mark.requirement("M-31")
def test_an_ask_says_that_calls_to_its_model_are_stopped(
    as_, bob, opening, maestro, fake_config
):
    Stop.objects.create(scope="endpoint", key=str(fake_config.endpoint_id))

    page = as_(bob).post(
        f"/posts/{opening.pk}/ask/", {"persona": maestro.pk}, headers=HTMX
    )

    said = "Maestro is waiting: calls to its model are stopped for now."
    assert said in page.content.decode()


def test_a_locked_topic_takes_no_asks(as_, bob, opening):
    Topic.objects.update(is_locked=True)

    page = as_(bob).post(f"/posts/{opening.pk}/ask/", {})

    assert page.status_code == 422
    assert "This topic is locked." in page.content.decode()
    assert not Ask.objects.exists()


@pytest.mark.parametrize("what", ["reply", "ask"])
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "piece"])
def test_a_form_that_could_not_be_sent_is_not_shown(
    as_, bob, alice, opening, what, headers
):
    reply = posts.reply(parent=opening, author=alice, body="Two hours.")
    browser = as_(bob)

    posts.delete_post(post=reply, actor=alice)
    deleted = browser.get(f"/posts/{reply.pk}/{what}/", headers=headers)
    Topic.objects.update(is_locked=True)
    locked = browser.get(f"/posts/{opening.pk}/{what}/", headers=headers)

    assert (deleted.status_code, locked.status_code) == (422, 422)
    assert "This post has been deleted." in deleted.content.decode()
    assert "This topic is locked." in locked.content.decode()
    for page in (deleted, locked):
        assert f'action="/posts/{reply.pk}/{what}/"' not in page.content.decode()
        assert f'action="/posts/{opening.pk}/{what}/"' not in page.content.decode()


def test_a_deleted_opening_post_still_takes_replies_to_the_topic(
    as_, bob, alice, opening
):
    posts.delete_post(post=opening, actor=alice)

    assert as_(bob).get(f"/posts/{opening.pk}/reply/").status_code == 200


@pytest.mark.parametrize("why", ["deleted", "locked"])
def test_nothing_is_asked_again_that_would_be_refused(as_, alice, opening, ask, why):
    end(ask, Status.ERROR, error_class="unreachable")
    browser = as_(alice)
    address = opening.topic.get_absolute_url()
    assert "Ask again" in browser.get(address).content.decode()

    if why == "deleted":
        posts.delete_post(post=opening, actor=alice)
    else:
        Topic.objects.update(is_locked=True)

    assert "could not answer" in (page := browser.get(address).content.decode())
    assert "Ask again" not in page
    piece = browser.get(ask.get_absolute_url(), headers=HTMX).content.decode()
    assert "Ask again" not in piece


def test_an_ask_whose_post_was_deleted_takes_the_post_out_of_open_pages(
    as_, client, bob, alice, maestro, opening
):
    reply = posts.reply(parent=opening, author=alice, body="Two hours.")
    ask = asks.ask(post=reply, member=bob, persona=maestro)
    address = ask.get_absolute_url()
    gone = 'gone" id="post-2" hx-swap-oob="true"'
    assert "post-2" not in client.get(address, headers=HTMX).content.decode()

    posts.delete_post(post=reply, actor=alice)

    asker = as_(bob).get(address, headers=HTMX).content.decode()
    guest = client.get(address, headers=HTMX).content.decode()
    assert gone in asker
    assert "will not answer" in asker
    assert gone in guest
    assert "will not answer" not in guest


def test_a_form_sent_twice_asks_once(as_, bob, opening):
    browser = as_(bob)
    form = browser.get(f"/posts/{opening.pk}/ask/").content.decode()
    key = re.search(r'name="key" value="([^"]+)"', form)[1]

    for _ in range(2):
        browser.post(f"/posts/{opening.pk}/ask/", {"key": key})

    assert Ask.objects.count() == 1


def test_an_open_ask_polls_and_a_final_one_does_not(as_, alice, ask):
    browser = as_(alice)
    waiting = browser.get(ask.get_absolute_url(), headers=HTMX).content.decode()
    end(ask, Status.ERROR, error_class="unreachable", error_message="Nobody home.")
    failed = browser.get(ask.get_absolute_url(), headers=HTMX).content.decode()

    assert 'hx-trigger="every 4s, refresh"' in waiting
    assert "hx-trigger" not in failed
    assert "Maestro could not answer." in failed
    assert "Nobody home." in failed


def test_an_answer_whose_worker_was_lost_waits_to_be_posted(
    client, fake_config, ask, fake_llm, monkeypatch
):
    fake_llm.answers(text="Paid.")
    with monkeypatch.context() as patch:
        patch.setattr("llmqueue.work.outcomes.conclude", lambda *_: None)
        runner.run_next()
    LLMRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    sweeper.sweep()

    page = client.get(ask.get_absolute_url(), headers=HTMX).content.decode()

    assert "Maestro has answered; the reply waits to be posted." in page
    assert "will try again" not in page


def test_an_ask_that_is_tried_again_says_why(client, fake_config, ask, fake_llm):
    fake_llm.answers(status=503)
    runner.run_next()

    page = client.get(ask.get_absolute_url(), headers=HTMX).content.decode()

    assert "Maestro will try again. Provider failed." in page


def test_a_finished_ask_is_replaced_by_its_reply(client, opening, alice, answered):
    ask = answered(opening, alice)

    piece = client.get(ask.get_absolute_url(), headers=HTMX)

    page = piece.content.decode()
    assert 'class="post d1 persona" id="post-2"' in page
    assert f'id="ask-{ask.request.public_id}" hx-swap-oob="delete"' in page
    assert 'id="posts-count" hx-swap-oob="true">2 posts' in page
    assert piece["Forllm-Path"] == ask.reply.path
    assert "HX-Request" in piece["Vary"]


@pytest.mark.requirement("F-12", "F-57")
def test_the_page_of_an_ask_tells_every_step(client, opening, alice, answered):
    ask = answered(opening, alice)

    page = client.get(ask.get_absolute_url(), follow=True)

    assert page.redirect_chain == [(ask.request.get_absolute_url(), 302)]
    assert "<td>Maestro v1 · Fake model</td>" in page.content.decode()
    assert "No model was chosen for this request." in page.content.decode()
    assert opening.get_absolute_url() in page.content.decode()


def test_the_page_of_an_open_ask_shows_its_state(client, ask):
    page = client.get(ask.get_absolute_url(), follow=True)

    assert "Maestro" in page.content.decode()
    assert "Waiting" in page.content.decode()
    assert "No model is set up here yet." in page.content.decode()


def test_an_unknown_ask_is_not_found(client, as_, bob, db):
    address = f"/asks/{uuid.uuid4()}/"

    assert client.get(address).status_code == 404
    assert as_(bob).post(f"{address}cancel/").status_code == 404
    assert as_(bob).post(f"{address}retry/").status_code == 404


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["browser", "htmx"])
def test_who_asked_cancels(as_, alice, ask, headers):
    answer = as_(alice).post(f"{ask.get_absolute_url()}cancel/", headers=headers)

    assert answer.status_code == (200 if headers else 302)
    ask.request.refresh_from_db()
    assert ask.request.status == Status.CANCELLED
    if headers:
        assert "was cancelled" in answer.content.decode()


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["browser", "htmx"])
def test_who_asked_asks_again(as_, alice, ask, headers):
    end(ask, Status.ERROR, error_class="unreachable")

    answer = as_(alice).post(f"{ask.get_absolute_url()}retry/", headers=headers)

    assert answer.status_code == (200 if headers else 302)
    again = Ask.objects.exclude(pk=ask.pk).get()
    assert again.request.retry_of == ask.request
    if headers:
        assert f'id="ask-{again.request.public_id}"' in answer.content.decode()


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_a_stranger_can_do_neither(as_, carol, ask, action):
    address = f"{ask.get_absolute_url()}{action}/"
    piece = as_(carol).post(address, headers=HTMX)
    page = as_(carol).post(address, follow=True)

    assert piece.status_code == 422
    assert "You may not do that." in piece.content.decode()
    assert "You may not do that." in page.content.decode()
    ask.request.refresh_from_db()
    assert ask.request.status == Status.PENDING


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_a_guest_is_sent_to_sign_in(client, ask, action):
    assert client.post(f"{ask.get_absolute_url()}{action}/").status_code == 302
    assert client.get(f"{ask.get_absolute_url()}{action}/").status_code == 405


@pytest.mark.requirement("F-60")
@pytest.mark.parametrize("status", [Status.ERROR, Status.CANCELLED])
def test_an_ask_that_came_to_nothing_concerns_few_and_is_no_secret(
    client, as_, make_member, bob, carol, staff, opening, maestro, status
):
    ask = asks.ask(post=opening, member=bob, persona=maestro)
    topic, own = opening.topic.get_absolute_url(), ask.get_absolute_url()
    open_to = [browser.get(topic) for browser in (client, as_(carol))]
    end(ask, status, error_class="unreachable", error_message="Nobody home.")

    for browser, sees in (
        (client, False),
        (as_(carol), False),
        (as_(opening.author), True),
        (as_(bob), True),
        (as_(staff), True),
    ):
        assert ("Nobody home." in browser.get(topic).content.decode()) == sees
        piece = browser.get(own, headers=HTMX)
        assert (piece.status_code, bool(piece.content)) == (200, sees)
        # Its own page is the queue's, where everybody finds it.
        assert "Nobody home." in browser.get(own, follow=True).content.decode()
        assert str(ask.request.public_id) in browser.get("/queue/").content.decode()
    assert all("Maestro is waiting" in page.content.decode() for page in open_to)


def test_a_reply_stays_with_everybody_although_its_asker_is_gone(
    client, opening, alice, answered
):
    ask = answered(opening, alice)

    assert client.get(ask.get_absolute_url()).status_code == 302


@pytest.mark.parametrize(
    ("error_class", "is_shown"),
    [("no_key", True), ("timed_out", True), ("gone", False)],
)
def test_staff_are_led_to_the_models_when_one_failed(
    as_, alice, staff, ask, error_class, is_shown
):
    end(ask, Status.ERROR, error_class=error_class, error_message="It failed.")
    line = f'<a href="{reverse("llmconfig:endpoint_list")}">Settings › Endpoints</a>'
    address = ask.get_absolute_url()

    own = as_(alice).get(address, headers=HTMX).content.decode()
    assert (line in as_(staff).get(address, headers=HTMX).content.decode()) == is_shown
    assert "It failed." in own
    assert line not in own


def test_a_post_shows_its_newest_asks_and_not_all(as_, alice, opening, maestro):
    made = [asks.ask(post=opening, member=alice, persona=maestro) for _ in range(7)]
    end(made[6], Status.CANCELLED)

    page = as_(alice).get(opening.topic.get_absolute_url()).content.decode()

    shown = re.findall(r'id="ask-([-0-9a-f]{36})"', page)
    assert shown == [str(ask.request.public_id) for ask in made[1:6]]


def test_the_form_on_its_own_page_needs_no_topic_around_it(as_, bob, opening, maestro):
    page = as_(bob).post(
        f"/posts/{opening.pk}/ask/",
        {"persona": "x"},
        headers=HTMX | {"HX-Trigger": "page-form"},
    )

    assert 'id="page-form"' in page.content.decode()
    assert "data-close" not in page.content.decode()
