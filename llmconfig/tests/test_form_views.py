"""The forms of Settings > Endpoints: connecting a model and changing an endpoint."""

from datetime import timedelta

import pytest
from django.urls import reverse

from llmconfig import services
from llmconfig.models import Endpoint, LLMConfig
from llmconfig.tests.calling import SITE_KEY as KEY


def filled(fake_llm, **changes):
    fields = {
        "provider": "compatible",
        "address": fake_llm.address,
        "key": KEY,
        "model": "fake-1",
        "is_default": "on",
        "is_tried": "on",
    }
    return fields | changes


def test_endpoint_create_connects_a_model(visit, fake_llm):
    answer = visit.post(
        reverse("llmconfig:endpoint_create"), filled(fake_llm), follow=True
    )

    assert answer.redirect_chain[0] == (reverse("llmconfig:endpoint_list"), 302)
    assert "is connected" in answer.text
    assert "Personas without a model of their own answer with it now." in answer.text
    assert LLMConfig.objects.get(is_default=True).model == "fake-1"


@pytest.mark.parametrize(
    ("how", "changes", "field", "words"),
    [
        ({"status": 401}, {}, "key", "refused the key"),
        ({}, {"model": "nope"}, "model", "no model nope"),
        ({}, {"model": ""}, "model", "required"),
        ({}, {"address": "http://127.0.0.1:9/v1"}, "address", "cannot be reached"),
        ({}, {"address": "http://10.0.0.1:80/"}, "address", "LLM_PRIVATE_HOSTS"),
        ({}, {"address": "file:///etc/passwd"}, "address", "LLM_PRIVATE_HOSTS"),
        ({}, {"address": ""}, "address", "needs an address"),
        ({}, {"provider": "ollama", "address": ""}, "address", "LLM_PRIVATE_HOSTS"),
        ({}, {"provider": "openai", "key": ""}, "key", "needs a key"),
        ({}, {"address": "https://api.openai.com/v1", "key": ""}, "key", "needs a key"),
        ({}, {"provider": "bedrock"}, "provider", "valid choice"),
        ({}, {"provider": "demo"}, "provider", "valid choice"),
    ],
)
def test_endpoint_create_says_what_is_wrong_and_where(
    visit, fake_llm, settings, how, changes, field, words
):
    settings.LLM_PRIVATE_HOSTS.append(("127.0.0.1", 9))
    fake_llm.answers(**how)

    answer = visit.post(
        reverse("llmconfig:endpoint_create"), filled(fake_llm, **changes)
    )

    assert answer.status_code == 422
    assert words in str(answer.context["form"].errors[field])
    assert not Endpoint.objects.exists()
    assert KEY not in answer.text


def test_endpoint_create_saves_without_a_trial_when_told_to(visit, fake_llm):
    fake_llm.answers(status=500)

    answer = visit.post(
        reverse("llmconfig:endpoint_create"),
        filled(fake_llm, is_tried=""),
        follow=True,
    )

    assert "is saved. It was not tried." in answer.text
    assert Endpoint.objects.count() == 1
    assert fake_llm.requests == []


def test_endpoint_create_leaves_the_default_to_what_was_tried(
    visit, fake_llm, fake_config
):
    answer = visit.post(
        reverse("llmconfig:endpoint_create"),
        filled(fake_llm, is_tried=""),
        follow=True,
    )

    assert "Fake model stays the default until you choose this one." in answer.text
    assert LLMConfig.objects.default() == fake_config


@pytest.mark.parametrize("view", ["endpoint_create", "endpoint_edit"])
def test_both_forms_try_what_they_save_unless_told_otherwise(visit, endpoint, view):
    args = [endpoint.pk] if view == "endpoint_edit" else []

    form = visit.get(reverse(f"llmconfig:{view}", args=args)).context["form"]

    assert "checked" in str(form["is_tried"])


def edited(endpoint, **changes):
    fields = {
        "name": endpoint.name,
        "model": endpoint.default_model,
        "address": endpoint.api_base,
        "key": "",
        "max_in_flight": 4,
        "deadline_seconds": 600,
        "is_tried": "on",
    }
    return fields | changes


def test_endpoint_edit_takes_another_key_and_never_shows_one(visit, endpoint):
    address = reverse("llmconfig:endpoint_edit", args=[endpoint.pk])
    assert KEY not in visit.get(address).text

    visit.post(address, edited(endpoint, key="another-key-of-1234"))

    endpoint.refresh_from_db()
    assert services.call_secrets(endpoint=endpoint) == "another-key-of-1234"


def test_endpoint_edit_changes_name_model_and_limits(visit, endpoint):
    changes = {"name": "Ours", "model": "smollm2", "max_in_flight": 1}

    for _ in range(2):
        answer = visit.post(
            reverse("llmconfig:endpoint_edit", args=[endpoint.pk]),
            edited(endpoint, deadline_seconds=1800, **changes),
            follow=True,
        )

    assert "The changes to Ours are saved. Its key ends in" in answer.text
    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.max_in_flight) == ("Ours", 1)
    assert endpoint.call_deadline == timedelta(minutes=30)
    assert LLMConfig.objects.default().model == endpoint.default_model == "smollm2"
    assert "1 call at a time, 30 minutes each" in answer.text


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"address": ""}, "address", "needs an address"),
        ({"address": "http://10.0.0.1/v1"}, "address", "LLM_PRIVATE_HOSTS=10.0.0.1:80"),
        ({"address": "http://127.0.0.1:9/v1"}, "address", "127.0.0.1:9 cannot be"),
        ({"name": ""}, "name", "required"),
        ({"name": "FAKE"}, "name", "Another endpoint has this name"),
        ({"model": ""}, "model", "required"),
        ({"model": "nope"}, "model", "no model nope"),
        ({"max_in_flight": 0}, "max_in_flight", "greater than or equal to 1"),
        ({"max_in_flight": "x"}, "max_in_flight", "whole number"),
        ({"deadline_seconds": 0}, "deadline_seconds", "greater than or equal to 1"),
        ({"deadline_seconds": 7201}, "deadline_seconds", "less than or equal to 7200"),
        ({"deadline_seconds": ""}, "deadline_seconds", "required"),
    ],
)
def test_endpoint_edit_says_what_is_wrong_and_where(
    visit, endpoint, fake_endpoint, settings, changes, field, words
):
    settings.LLM_PRIVATE_HOSTS.append(("127.0.0.1", 9))
    before = Endpoint.objects.filter(pk=endpoint.pk).values().get()

    answer = visit.post(
        reverse("llmconfig:endpoint_edit", args=[endpoint.pk]),
        edited(endpoint, **changes),
    )

    assert answer.status_code == 422
    assert words in str(answer.context["form"].errors[field])
    assert Endpoint.objects.filter(pk=endpoint.pk).values().get() == before


def test_endpoint_edit_says_that_the_endpoint_was_deleted_during_the_trial(
    visit, connect, monkeypatch
):
    connect()
    endpoint, _ = connect(is_default=False)

    def delete_meanwhile(**given):
        services.delete_endpoint(
            endpoint=Endpoint.objects.get(pk=endpoint.pk), actor=None
        )
        return "It works."

    monkeypatch.setattr(services, "try_endpoint", delete_meanwhile)
    answer = visit.post(
        reverse("llmconfig:endpoint_edit", args=[endpoint.pk]),
        edited(endpoint, key="another-key-of-1234"),
    )

    assert answer.status_code == 422
    errors = answer.context["form"].non_field_errors()
    assert "was deleted meanwhile, so nothing was saved" in str(errors)
    assert "another-key" not in answer.text
    assert Endpoint.objects.count() == 1


def test_endpoint_edit_asks_for_a_key_that_cannot_be_read(visit, endpoint):
    Endpoint.objects.update(site_key="not a token")

    answer = visit.post(
        reverse("llmconfig:endpoint_edit", args=[endpoint.pk]),
        edited(endpoint, model="smollm2"),
    )

    assert answer.status_code == 422
    assert "enter it again" in str(answer.context["form"].errors["key"])
