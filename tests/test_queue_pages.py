"""The queue's pages: who sees what, filters, counts, and the whole of one request."""

import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEvent
from forum.models import Ask, SubforumPersona
from forum.services import asks, posts
from llmqueue import runner
from llmqueue.models import LLMRequest, PromptPart
from personas.models import Persona, PersonaOwner, Visibility

pytestmark = pytest.mark.django_db

LIST = "/queue/"


@pytest.fixture
def opening(topic):
    return topic.posts.get(number=1)


@pytest.fixture
def maestro(db) -> Persona:
    return Persona.objects.get(slug="maestro")


@pytest.fixture
def answer(fake_config, fake_llm):
    """Ask, and let the fake provider answer."""

    def run(post, member, persona=None, text="Two hours.") -> Ask:
        fake_llm.always_answers(text)
        ask = asks.ask(post=post, member=member, persona=persona)
        runner.run_next()
        ask.refresh_from_db()
        return ask

    return run


def as_(member) -> Client:
    client = Client()
    if member is not None:
        client.force_login(member)
    return client


def page(client: Client, address: str = LIST, *, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status
    return response.content.decode()


@pytest.mark.requirement("F-48", "C-07", "F-13")
def test_the_list_says_who_answered_and_why(answer, opening, bob, maestro):
    answer(opening, bob, maestro)

    html = page(as_(None))

    assert "Answered as <b>Maestro v1</b> with Fake model" in html
    assert "asked for; the site&#x27;s default" in html
    assert "Soup" in html
    assert "@bob" in html


@pytest.mark.requirement("C-07", "F-24")
def test_what_waits_says_who_would_answer_now(
    opening, bob, maestro, fake_config, subforum
):
    asks.ask(post=opening, member=bob)
    assert "Will answer as <b>Companion v1</b>" in page(as_(bob))

    SubforumPersona.objects.create(subforum=subforum, persona=maestro, is_default=True)

    html = page(as_(bob))
    assert "Will answer as <b>Maestro v1</b> with Fake model" in html
    assert "the subforum&#x27;s default" in html


@pytest.mark.requirement("C-07")
def test_what_has_begun_keeps_who_was_frozen(answer, opening, bob, maestro, subforum):
    answer(opening, bob)

    SubforumPersona.objects.create(subforum=subforum, persona=maestro, is_default=True)

    assert "Answered as <b>Companion v1</b>" in page(as_(bob))


@pytest.mark.requirement("C-07")
def test_what_cannot_run_any_more_says_why(opening, bob, topic, fake_config):
    asks.ask(post=opening, member=bob)
    type(topic).objects.update(is_locked=True)

    assert "The topic was locked." in page(as_(bob))


@pytest.mark.requirement("O-12")
def test_failed_requests_stand_in_the_list_with_their_reason(
    fake_llm, fake_config, opening, bob
):
    fake_llm.answers(status=401)
    asks.ask(post=opening, member=bob)
    runner.run_next()

    html = page(as_(None), f"{LIST}?status=error")

    assert "The provider refused the key, or its account may not do this." in html


def test_filters_narrow_the_list_and_stand_in_the_form(
    answer, opening, alice, bob, maestro, topic
):
    first = answer(opening, bob, maestro)
    other = answer(opening, alice)
    address = first.request.get_absolute_url()
    elsewhere = other.request.get_absolute_url()
    for query in (
        "persona=maestro",
        "member=bob",
        "member=@BOB&status=complete",
        "model=fake-1&persona=maestro&place=kitchen",
    ):
        html = page(as_(None), f"{LIST}?{query}")
        assert address in html
        assert elsewhere not in html
        assert 'value="maestro"' in html or "bob" in html.lower()

    assert address not in page(as_(None), f"{LIST}?status=error")
    assert "No request is like that." in page(as_(None), f"{LIST}?model=other")


@pytest.mark.requirement("R-87", "R-89")
@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("persona=nobody", "There is no persona @nobody."),
        ("member=nobody", "There is no member @nobody."),
        ("place=nowhere", "There is no subforum of this name."),
        ("status=lost", "Select a valid choice"),
        ("persona=%00", "Null characters are not allowed."),
    ],
)
def test_a_filter_that_names_nothing_is_an_error(query, words):
    assert words in page(as_(None), f"{LIST}?{query}", status=422)


def test_a_private_persona_is_no_filter_for_strangers(maestro, bob, carol, staff):
    Persona.objects.filter(pk=maestro.pk).update(visibility=Visibility.PRIVATE)
    PersonaOwner.objects.create(persona=maestro, user=bob)

    assert "There is no persona" in page(
        as_(carol), f"{LIST}?persona=maestro", status=422
    )
    page(as_(bob), f"{LIST}?persona=maestro")
    page(as_(staff), f"{LIST}?persona=maestro")


def test_pages_go_on_by_key_and_keep_the_filters(opening, bob, alice, fake_config):
    made = [asks.ask(post=opening, member=bob) for _ in range(30)]
    asks.ask(post=opening, member=alice)
    first = page(as_(None), f"{LIST}?member=bob")
    cursor = made[5].request.public_id

    assert f"?member=bob&amp;before={cursor}" in first
    second = page(as_(None), f"{LIST}?member=bob&before={cursor}")
    assert all(str(ask.request.public_id) in second for ask in made[:5])
    assert not any(str(ask.request.public_id) in second for ask in made[6:])
    assert "Older requests" not in second
    assert 'href="/queue/?member=bob"' in second


def test_my_requests_come_first(opening, bob, alice, fake_config):
    mine = asks.ask(post=opening, member=bob).request
    for _ in range(26):
        asks.ask(post=opening, member=alice)

    html = page(as_(bob))

    assert f'id="own-request-{mine.public_id}"' in html
    assert "Your requests" not in page(as_(None))


def test_counts_and_oldest_age_of_each_state(answer, opening, bob):
    answer(opening, bob)
    asks.ask(post=opening, member=bob)
    asks.ask(post=opening, member=bob)

    html = page(as_(None))

    assert "No worker is running at the moment." in html
    assert "<dt>Waiting</dt><dd>2 <span" in html
    assert "<dt>Done</dt><dd>1" in html


@pytest.mark.parametrize("who", [None, "bob", "staff"])
def test_the_list_stays_within_its_queries(
    opening, bob, alice, staff, maestro, fake_config, answer, who, request
):
    member = request.getfixturevalue(who) if who else None
    answer(opening, bob)
    for persona in Persona.objects.all():
        asks.ask(post=opening, member=bob, persona=persona)
        asks.ask(post=opening, member=alice, persona=persona)
    client = as_(member)
    client.get(LIST)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        page(client)

    assert len(queries) <= 8


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
    assert "unknown" in html  # the cost: no price is known


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
    answer, opening, bob, staff, maestro
):
    Persona.objects.filter(pk=maestro.pk).update(definition_public=False)
    request = answer(opening, bob, maestro).request
    address = reverse("llmqueue:prompt_detail", args=[request.public_id])
    assert "You are Maestro" not in page(as_(staff), request.get_absolute_url())
    assert not AuditEvent.objects.exists()

    response = as_(staff).post(address)

    assert "You are Maestro" in response.content.decode()
    event = AuditEvent.objects.get()
    assert (event.actor, event.action) == (staff, "prompt read")
    assert event.subject_key == str(request.public_id)
    assert as_(bob).post(address).status_code == 404
    assert AuditEvent.objects.count() == 1


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

    assert as_(bob).post(cancel).status_code == 302
    again = as_(bob).post(retry)

    new = LLMRequest.objects.get(retry_of=request)
    assert again.url == new.get_absolute_url()
    assert as_(staff).post(retry).url == again.url
    assert LLMRequest.objects.count() == 2
    assert "asked again for" in page(as_(None), new.get_absolute_url())


def test_an_unknown_request_is_not_there(bob):
    page(as_(bob), f"/queue/{uuid.uuid4()}/", status=404)
    page(as_(bob), "/queue/7/", status=404)
    page(as_(bob), f"{LIST}?before=7", status=404)
