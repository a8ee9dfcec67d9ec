"""Choosing a model: beside Ask, and for a subforum."""

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from forum.errors import ModelNotYours
from forum.models import Ask
from forum.services import asks
from llmconfig.models import LLMConfig, ModelProfile
from llmconfig.services.favourites import keep_favourite
from llmqueue.work import runner

pytestmark = pytest.mark.django_db


@pytest.fixture
def visit(client, alice):
    client.force_login(alice)
    return client


@pytest.fixture
def other(fake_config, alice) -> LLMConfig:
    """A config of alice's own, of another model."""
    return LLMConfig.objects.create(
        name="Swift", owner=alice, endpoint=fake_config.endpoint, model="fake-2"
    )


def page_of(topic) -> str:
    return reverse("forum:ask_create", args=[topic.posts.get().pk])


@pytest.mark.requirement("M-22", "Q-02", "D-14")
def test_a_favourite_is_chosen_beside_ask_and_answers(
    visit, topic, alice, other, fake_llm
):
    assert "Swift" not in visit.get(page_of(topic)).text
    keep_favourite(config=other, member=alice)
    assert "Swift — price unknown" in visit.get(page_of(topic)).text

    visit.post(page_of(topic), {"config": other.pk})
    runner.run_next()

    assert fake_llm.calls()[0].model == "fake-2"
    assert Ask.objects.get().request.config == other


@pytest.mark.requirement("M-44")
def test_a_favourite_says_what_a_reply_costs_about(visit, topic, alice, other):
    endpoint = other.endpoint
    endpoint.provider, other.model = "openai", "gpt-4o-mini"
    endpoint.save()
    other.save()
    keep_favourite(config=other, member=alice)

    assert "about $0." in visit.get(page_of(topic)).text


@pytest.mark.fault("A-IDOR-3")
def test_a_model_that_is_no_favourite_is_refused(visit, topic, bob, alice, other):
    theirs = LLMConfig.objects.create(
        name="Bobs", owner=bob, endpoint=other.endpoint, model="m"
    )
    for value in (theirs.pk, other.pk, "x", "1 OR 1=1"):
        answer = visit.post(page_of(topic), {"config": value})
        assert answer.status_code == 422
        assert "no favourite of yours" in answer.text
    with pytest.raises(ModelNotYours):
        asks.ask(post=topic.posts.get(), member=alice, config=theirs)
    assert not Ask.objects.exists()


@pytest.mark.requirement("M-08", "M-23")
def test_a_subforum_asks_the_model_its_profile_points_to(
    client, staff, alice, topic, fake_config, fake_llm
):
    pin = reverse("forum:subforum_pin", args=[topic.subforum.slug])
    swift = LLMConfig.objects.create(
        name="Swift", is_global=True, endpoint=fake_config.endpoint, model="fake-2"
    )
    client.force_login(staff)
    client.post(pin, {"profile": "fast"})
    opening = topic.posts.get()
    asks.ask(post=opening, member=alice)
    runner.run_next()
    ModelProfile.objects.filter(key="fast").update(config=swift)
    asks.ask(post=opening, member=alice)
    runner.run_next()
    client.post(pin, {"profile": ""})
    asks.ask(post=opening, member=alice)
    runner.run_next()

    assert [seen.model for seen in fake_llm.calls()] == ["fake-1", "fake-2", "fake-1"]
    events = AuditEvent.objects.filter(action="subforum pinned").order_by("pk")
    assert [it.detail["after"] for it in events] == ["fast", None]
    assert client.post(pin, {"profile": "none such"}, follow=True).status_code == 200


def test_only_staff_pin(visit, topic):
    pin = reverse("forum:subforum_pin", args=[topic.subforum.slug])

    assert visit.post(pin, {"profile": "fast"}).status_code == 404
    page = reverse("forum:subforum_personas", args=[topic.subforum.slug])
    assert "Which model answers here" not in visit.get(page).text
