"""Asking through the pages, and what an ask shows."""

import re
import uuid

import pytest

from forum.models import Ask, Topic
from forum.services import asks
from forum.tests.conftest import HTMX, end
from llmqueue.models import LLMRequest, Status
from personas.models import Persona, Visibility

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


def test_the_form_offers_what_may_be_asked(as_, bob, opening, maestro):
    Persona.objects.filter(slug="writer").update(visibility=Visibility.PRIVATE)
    browser = as_(bob)

    whole = browser.get(f"/posts/{opening.pk}/ask/").content.decode()
    piece = browser.get(f"/posts/{opening.pk}/ask/", headers=HTMX).content.decode()

    for page in (whole, piece):
        assert ">Maestro</option>" in page
        assert ">Writer</option>" not in page
    assert "<html" in whole
    assert "<html" not in piece


def test_an_ask_by_htmx_comes_to_stand_under_the_post(as_, bob, opening, maestro):
    answer = as_(bob).post(
        f"/posts/{opening.pk}/ask/", {"persona": maestro.pk}, headers=HTMX
    )

    page = answer.content.decode()
    assert (answer["HX-Retarget"], answer["HX-Reswap"]) == ("#post-1", "afterend")
    assert f'id="ask-{LLMRequest.objects.get().public_id}"' in page
    assert "Maestro is waiting" in page
    assert "data-stream=" in page


@pytest.mark.parametrize("persona", ["private", "99999999", "x"])
def test_a_foreign_persona_is_refused(as_, bob, opening, persona):
    if persona == "private":
        private = Persona.objects.get(slug="writer")
        Persona.objects.filter(pk=private.pk).update(visibility=Visibility.PRIVATE)
        persona = private.pk

    for headers in ({}, HTMX):
        page = as_(bob).post(
            f"/posts/{opening.pk}/ask/", {"persona": persona}, headers=headers
        )
        assert page.status_code == 422
        assert "This persona cannot be asked here." in page.content.decode()
    assert not Ask.objects.exists()


def test_a_locked_topic_takes_no_asks(as_, bob, opening):
    Topic.objects.update(is_locked=True)

    page = as_(bob).post(f"/posts/{opening.pk}/ask/", {})

    assert page.status_code == 422
    assert "This topic is locked." in page.content.decode()
    assert not Ask.objects.exists()


def test_a_form_sent_twice_asks_once(as_, bob, opening):
    browser = as_(bob)
    form = browser.get(f"/posts/{opening.pk}/ask/").content.decode()
    key = re.search(r'name="key" value="([^"]+)"', form)[1]

    for _ in range(2):
        browser.post(f"/posts/{opening.pk}/ask/", {"key": key})

    assert Ask.objects.count() == 1


def test_an_open_ask_polls_and_a_final_one_does_not(client, ask):
    waiting = client.get(ask.get_absolute_url(), headers=HTMX).content.decode()
    end(ask, Status.ERROR, error_class="unreachable", error_message="Nobody home.")
    failed = client.get(ask.get_absolute_url(), headers=HTMX).content.decode()

    assert 'hx-trigger="every 4s, refresh"' in waiting
    assert "hx-trigger" not in failed
    assert "Maestro could not answer." in failed
    assert "Nobody home." in failed


def test_a_finished_ask_is_replaced_by_its_reply(client, opening, alice, answered):
    ask = answered(opening, alice)

    piece = client.get(ask.get_absolute_url(), headers=HTMX)

    assert 'class="post d1 persona" id="post-2"' in piece.content.decode()
    assert "HX-Request" in piece["Vary"]


@pytest.mark.requirement("F-12", "F-57")
def test_the_page_of_an_ask_tells_every_step(client, opening, alice, answered):
    ask = answered(opening, alice)

    page = client.get(ask.get_absolute_url()).content.decode()

    assert "Maestro v1 · Demo model · 2.1 s" in page
    assert "Chosen on this request" in page
    assert "None was chosen." in page
    assert ask.reply.get_absolute_url() in page


def test_the_page_of_an_open_ask_shows_its_state(client, ask):
    page = client.get(ask.get_absolute_url())

    assert page.status_code == 200
    assert "Maestro is waiting" in page.content.decode()


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
    page = as_(carol).post(f"{ask.get_absolute_url()}{action}/")

    assert page.status_code == 422
    assert "You may not do that." in page.content.decode()
    ask.request.refresh_from_db()
    assert ask.request.status == Status.PENDING


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_a_guest_is_sent_to_sign_in(client, ask, action):
    assert client.post(f"{ask.get_absolute_url()}{action}/").status_code == 302
    assert client.get(f"{ask.get_absolute_url()}{action}/").status_code == 405
