"""Who answers here, and why."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from forum.models import SubforumPersona, Topic
from llmconfig.models import AISettings, LLMConfig
from personas.models import Persona, PersonaOwner, Visibility
from studio.answering import PAGE_SIZE
from tests.many_personas import add_personas

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("F-24", "M-69")]


def page(address: str, member=None) -> str:
    client = Client()
    if member is not None:
        client.force_login(member)
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_the_page_says_who_answers_nobody_in_particular_and_why(
    subforum, topic, fake_config
):
    for place in (subforum, topic):
        html = page(f"{place.get_absolute_url()}who/")

        assert "Will answer as <b>Companion v1</b> with Fake model" in html
        assert "This subforum has no default persona." in html
        assert "Will answer as <b>Maestro v1</b> with Fake model" in html


def test_the_page_follows_assignments_and_own_models(
    subforum, fake_config, fake_endpoint, bob
):
    maestro = Persona.objects.get(slug="maestro")
    SubforumPersona.objects.create(subforum=subforum, persona=maestro, is_default=True)
    own = LLMConfig.objects.create(
        name="Bob's", owner=bob, endpoint=fake_endpoint, model="bobs-1"
    )
    AISettings.objects.create(user=bob, default_config=own)

    html = page("/s/kitchen/who/", bob)

    assert "Will answer as <b>Maestro v1</b> with Bob&#x27;s" in html
    assert "the subforum&#x27;s default; model: the member&#x27;s default" in html
    assert "Writer" not in html
    assert "Bob&#x27;s" not in page("/s/kitchen/who/")


def test_a_persona_that_is_not_mine_is_not_named(subforum, fake_config, bob, carol):
    secret = Persona.objects.get(slug="maestro")
    Persona.objects.filter(pk=secret.pk).update(visibility=Visibility.PRIVATE)
    PersonaOwner.objects.create(persona=secret, user=bob)

    assert "Maestro" in page("/s/kitchen/who/", bob)
    assert "Maestro" not in page("/s/kitchen/who/", carol)


def test_without_a_model_it_says_what_to_do(subforum, db):
    html = page("/s/kitchen/who/")

    assert "Will answer as things stand: <b>nobody</b>" in html
    assert "No model is set up here yet." in html


def test_a_locked_topic_says_so(topic, fake_config):
    Topic.objects.update(is_locked=True)

    assert "This topic is locked" in page(f"{topic.get_absolute_url()}who/")


def test_the_page_costs_the_same_for_many_personas(subforum, fake_config, bob):
    client = Client()
    client.force_login(bob)
    client.get("/s/kitchen/who/")

    with CaptureQueriesContext(connection) as queries:
        client.get("/s/kitchen/who/")

    assert Persona.objects.count() == 9
    assert len(queries) <= 14


def test_the_page_of_2000_personas_is_short_and_leads_on(subforum, fake_config, bob):
    add_personas(2_000)
    client, address = Client(), "/s/kitchen/who/"
    client.force_login(bob)
    client.get(address)

    with CaptureQueriesContext(connection) as queries:
        first = client.get(address)
    second = client.get(address + first.context["page"].later)

    assert len(queries) <= 14
    for page in (first, second):
        assert len(page.content) <= 50_000
        assert "Will answer as <b>Companion v1</b>" in page.text
    names = [
        {it.persona.name for it in page.context["offers"]} for page in (first, second)
    ]
    assert [len(it) for it in names] == [PAGE_SIZE, PAGE_SIZE]
    assert names[0].isdisjoint(names[1])
    assert 'rel="next"' in first.text


def test_an_unknown_place_is_not_there(topic):
    assert Client().get("/s/nowhere/who/").status_code == 404
    assert Client().get(f"/t/other-{topic.pk}/who/").status_code == 404
