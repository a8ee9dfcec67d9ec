"""The page of one request: its receipt, its prompt, and what may be done about it."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEvent
from forum.services import asks, posts
from llmconfig.models import LLMConfig
from llmconfig.providers import PROVIDERS
from llmqueue.models import LLMRequest, PromptPart
from llmqueue.work import runner
from personas.models import Persona, PersonaOwner
from tests.queue_pages import LIST, as_, page

pytestmark = pytest.mark.django_db


@pytest.mark.requirement("F-13", "M-69")
def test_the_page_of_a_request_holds_receipt_attempts_and_prompt(
    answer, opening, bob, maestro
):
    ask = answer(opening, bob, maestro)

    html = page(as_(None), ask.request.get_absolute_url())

    assert "Maestro v1 · Fake model" in html
    assert "No model was chosen for this request." in html
    assert "The site has no" not in html
    assert "How long does it simmer?" in html
    assert "You are Maestro" in html
    assert "What it answers" in html
    assert "unknown" in html  # the cost: no price is known


def test_a_config_that_is_called_as_its_model_is_named_once(
    answer, opening, bob, maestro, fake_config
):
    LLMConfig.objects.filter(pk=fake_config.pk).update(name=fake_config.model)
    ask = answer(opening, bob, maestro)

    html = page(as_(None), ask.request.get_absolute_url())

    assert "<dd>fake-1 at Fake" in html


def test_the_demo_model_costs_nothing(answer, opening, bob, maestro):
    ask = answer(opening, bob, maestro)
    attempt = ask.request.attempts.get()
    attempt.receipt["model"]["provider"] = PROVIDERS["demo"].label
    attempt.save()

    html = page(as_(None), ask.request.get_absolute_url())

    assert "<dt>Cost</dt><dd>free</dd>" in html
    assert "<td>free</td>" in html
    assert "unknown" not in html


@pytest.mark.requirement("C-16")
def test_a_hidden_definition_is_for_its_owners(answer, opening, bob, carol, maestro):
    Persona.objects.filter(pk=maestro.pk).update(definition_public=False)
    PersonaOwner.objects.create(persona=maestro, user=carol)
    address = answer(opening, bob, maestro).request.get_absolute_url()

    assert "You are Maestro" not in page(as_(bob), address)
    assert "Not for you to read." in page(as_(bob), address)
    assert "You are Maestro" in page(as_(carol), address)


@pytest.mark.requirement("C-16")
def test_staff_see_hidden_parts_and_that_is_written_down(
    answer, opening, bob, carol, staff, make_persona
):
    soupy = make_persona("soupy", owner=carol)
    request = answer(opening, bob, soupy).request
    address = reverse("llmqueue:prompt_detail", args=[request.public_id])
    button = f'action="{address}"'
    before = page(as_(staff), request.get_absolute_url())
    looks = AuditEvent.objects.filter(action="prompt read")
    assert "a friend of soup" not in before
    assert button in before
    assert not looks.exists()

    revealed = as_(staff).post(address).content.decode()

    assert "a friend of soup" in revealed
    assert button not in revealed  # or each press would be one more look
    event = looks.get()
    assert event.actor == staff
    assert event.subject_key == str(request.public_id)
    assert as_(bob).post(address).status_code == 404
    assert looks.count() == 1


@pytest.mark.requirement("C-16")
def test_a_deleted_source_is_erased_from_the_prompt(answer, opening, bob, alice):
    ask = answer(opening, bob)
    posts.delete_post(post=opening, actor=alice)

    html = page(as_(None), ask.request.get_absolute_url())

    assert "How long does it simmer?" not in html
    assert "Erased, since what it was made from was deleted." in html
    assert not PromptPart.objects.filter(text__contains="simmer").exists()


def test_cancel_and_retry_are_for_who_asked_and_staff(
    opening, bob, carol, staff, fake_config
):
    request = asks.ask(post=opening, member=bob).request
    cancel = reverse("llmqueue:request_cancel", args=[request.public_id])
    retry = reverse("llmqueue:request_retry", args=[request.public_id])
    assert as_(carol).post(cancel).status_code == 422
    assert as_(None).post(cancel).status_code == 302
    request.refresh_from_db()
    assert request.status == "pending"

    address = request.get_absolute_url()
    assert "<h1>How this request stands</h1>" in page(as_(bob), address)
    assert as_(bob).post(cancel).status_code == 302
    assert "<h1>What became of this request</h1>" in page(as_(bob), address)
    assert "Asked: <b>nobody in particular</b>" in page(as_(bob), address)
    assert "(cancelled)" not in page(as_(bob), address)
    assert "(cancelled)" in page(as_(staff), address)
    again = as_(bob).post(retry)

    new = LLMRequest.objects.get(retry_of=request)
    assert again.url == new.get_absolute_url()
    assert as_(staff).post(retry).url == again.url
    assert LLMRequest.objects.count() == 2
    assert "asked again for" in page(as_(None), new.get_absolute_url())


def test_an_unknown_request_is_not_there(bob):
    for address in (f"/queue/{uuid.uuid4()}/", "/queue/7/", f"{LIST}?before=7"):
        assert as_(bob).get(address).status_code == 404, address


def test_a_look_at_a_running_request_reads_no_prompt(
    opening, bob, fake_config, fake_llm
):
    fake_llm.answers(status=503)  # it is tried again later
    request = asks.ask(post=opening, member=bob).request
    runner.run_next()
    assert PromptPart.objects.exists()
    client = as_(None)
    with CaptureQueriesContext(connection) as queries:
        piece = client.get(request.get_absolute_url(), headers={"HX-Request": "true"})

    assert "Will answer as" in piece.content.decode()
    assert "The prompt as it was sent" not in piece.content.decode()
    assert not [it for it in queries if "promptpart" in it["sql"]]


def test_an_open_page_is_read_anew_once_its_request_has_ended(answer, opening, bob):
    request = answer(opening, bob).request

    piece = as_(None).get(request.get_absolute_url(), headers={"HX-Request": "true"})

    assert piece["HX-Refresh"] == "true"
    assert "HX-Request" in piece["Vary"]


@pytest.mark.requirement("C-16")
def test_a_text_from_before_an_edit_is_for_its_author_and_staff(
    answer, opening, alice, bob, staff
):
    address = answer(opening, bob).request.get_absolute_url()
    assert "How long does it simmer?" in page(as_(None), address)

    posts.edit_post(post=opening, editor=alice, body="Never mind.")

    for reader, may_read in ((None, False), (bob, False), (alice, True), (staff, True)):
        html = page(as_(reader), address)
        assert ("How long does it simmer?" in html) == may_read
        assert ("Not for you to read." in html) != may_read


@pytest.mark.requirement("C-16")
def test_an_edit_from_before_the_call_hides_nothing(answer, opening, alice, bob):
    posts.edit_post(post=opening, editor=alice, body="How long does it cook?")

    address = answer(opening, bob).request.get_absolute_url()

    assert "How long does it cook?" in page(as_(None), address)


@pytest.mark.requirement("F-60")
@pytest.mark.parametrize("why", ["", "deleted", "locked", "asker gone"])
def test_ask_again_is_offered_only_where_it_would_be_taken(
    opening, alice, bob, staff, fake_config, fake_llm, why
):
    reply = posts.reply(parent=opening, author=alice, body="Two hours.")
    request = asks.ask(post=reply, member=bob).request
    fake_llm.answers(status=401)
    runner.run_next()
    if why == "deleted":
        posts.delete_post(post=reply, actor=alice)
    elif why == "locked":
        type(opening.topic).objects.update(is_locked=True)
    elif why == "asker gone":
        LLMRequest.objects.update(requested_by=None)

    html = page(as_(staff), request.get_absolute_url())

    assert ("Ask again" in html) == (not why)
