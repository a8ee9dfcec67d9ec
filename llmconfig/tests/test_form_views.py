"""The forms of Settings > Endpoints: connecting a model and changing an endpoint."""

from datetime import timedelta

import pytest
from django.urls import reverse

from llmconfig.models import Endpoint, LLMConfig
from llmconfig.services import endpoints, keys
from llmconfig.tests.calling import SITE_KEY as KEY
from llmconfig.trial import TrialResult


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
    fake_llm.always_answers(**how)

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
    assert keys.call_secrets(endpoint=endpoint) == "another-key-of-1234"


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
        endpoints.delete_endpoint(
            endpoint=Endpoint.objects.get(pk=endpoint.pk), actor=None
        )
        return TrialResult("It works.")

    monkeypatch.setattr(endpoints, "try_endpoint", delete_meanwhile)
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


@pytest.mark.requirement("M-35", "M-09", "M-20", "D-27")
def test_endpoint_create_says_of_each_provider_what_it_is(visit):
    page = visit.get(reverse("llmconfig:endpoint_create")).text

    for label in (
        "OpenAI Anthropic Gemini Groq OpenRouter Mistral DeepSeek Ollama"
        " Inference OpenAI-compatible"
    ).split():
        assert f"{label}</b>" in page
    assert "https://platform.openai.com/api-keys" in page
    assert '<input type="password" name="key"' in page
    assert "Demo model" not in page


@pytest.mark.requirement("M-34", "Q-23")
@pytest.mark.parametrize("is_htmx", [True, False])
def test_endpoint_create_shows_the_models_before_anything_is_saved(
    visit, fake_llm, is_htmx
):
    answer = visit.post(
        reverse("llmconfig:endpoint_create"),
        filled(fake_llm, model="", ask_models="1"),
        headers={"HX-Request": "true"} if is_htmx else {},
    )

    assert answer.status_code == 200
    assert '<option value="smollm2">' in answer.text
    assert "The field offers 3 models" in answer.text
    assert ("Enter the key once more" in answer.text) is not is_htmx
    assert ("<h1>" in answer.text) is not is_htmx
    assert fake_llm.address in answer.text or is_htmx
    assert KEY not in answer.text
    assert not Endpoint.objects.exists()
    assert fake_llm.calls() == []


@pytest.mark.parametrize("is_htmx", [True, False])
@pytest.mark.parametrize(
    ("how", "changes", "words"),
    [
        ({"status": 401}, {}, "refused the key"),
        ({"status": 404}, {}, "There is no list of models here"),
        ({}, {"address": "http://10.0.0.1/v1"}, "LLM_PRIVATE_HOSTS"),
        ({}, {"provider": "openai", "address": "", "key": ""}, "needs a key"),
        ({}, {"provider": ""}, "required"),
    ],
)
def test_endpoint_create_says_why_it_has_no_models(
    visit, fake_llm, is_htmx, how, changes, words
):
    fake_llm.always_answers(**how)

    answer = visit.post(
        reverse("llmconfig:endpoint_create"),
        filled(fake_llm, ask_models="1", **changes),
        headers={"HX-Request": "true"} if is_htmx else {},
    )

    assert words in answer.text
    assert KEY not in answer.text


@pytest.mark.requirement("Q-62")
def test_endpoint_create_keeps_what_was_typed_and_offers_what_is_there(visit, fake_llm):
    answer = visit.post(
        reverse("llmconfig:endpoint_create"), filled(fake_llm, model="nope")
    )

    assert answer.status_code == 422
    assert f'value="{fake_llm.address}"' in answer.text
    assert 'value="nope"' in answer.text
    assert '<option value="fake-1">' in answer.text
    assert "Enter the key once more" in answer.text


def test_endpoint_create_brings_htmx_to_the_list(visit, fake_llm):
    htmx = {"HX-Request": "true"}
    address = reverse("llmconfig:endpoint_create")

    refused = visit.post(address, filled(fake_llm, model="nope"), headers=htmx)
    saved = visit.post(address, filled(fake_llm), headers=htmx)

    assert refused.status_code == 422
    assert refused.text.startswith("<form")
    assert saved["HX-Redirect"] == reverse("llmconfig:endpoint_list")


@pytest.mark.requirement("D-28", "O-59", "Q-23")
def test_a_typed_model_that_no_list_has_is_taken_and_marked(visit, fake_llm):
    answer = visit.post(
        reverse("llmconfig:endpoint_create"),
        filled(fake_llm, model="my-own-model"),
        follow=True,
    )

    endpoint = Endpoint.objects.get()
    assert "it is unverified" in answer.text
    assert ">unverified</span>" in answer.text
    edit = visit.get(reverse("llmconfig:endpoint_edit", args=[endpoint.pk])).text
    assert "my-own-model is unverified" in edit
    assert '<option value="smollm2">' in edit


@pytest.mark.requirement("M-34", "Q-62")
def test_endpoint_ask_models_keeps_the_new_list(visit, endpoint, fake_llm):
    assert endpoint.listed_models == fake_llm.models
    fake_llm.models = ["newer-1", "newer-2"]

    answer = visit.post(
        reverse("llmconfig:endpoint_ask_models", args=[endpoint.pk]), follow=True
    )

    endpoint.refresh_from_db()
    assert endpoint.listed_models == ["newer-1", "newer-2"]
    assert "It lists 2 models." in answer.text
    assert "fake-1 is unverified" in answer.text


@pytest.mark.parametrize(
    ("status", "words", "is_kept"),
    [(404, "It has no list of models", False), (401, "refused the key", True)],
)
def test_endpoint_ask_models_says_what_happened(
    visit, endpoint, fake_llm, status, words, is_kept
):
    fake_llm.answers(status=status)

    answer = visit.post(
        reverse("llmconfig:endpoint_ask_models", args=[endpoint.pk]), follow=True
    )

    endpoint.refresh_from_db()
    assert words in answer.text
    assert bool(endpoint.listed_models) is is_kept


def test_another_address_takes_the_list_with_it(visit, endpoint, fake_llm):
    visit.post(
        reverse("llmconfig:endpoint_edit", args=[endpoint.pk]),
        edited(endpoint, address=f"{fake_llm.root}/other", is_tried=""),
    )

    endpoint.refresh_from_db()
    assert (endpoint.listed_models, endpoint.listed_at) == ([], None)


def test_a_failing_test_still_keeps_the_list(visit, endpoint, fake_llm):
    Endpoint.objects.update(listed_models=[], default_model="nope")

    answer = visit.post(
        reverse("llmconfig:endpoint_try", args=[endpoint.pk]), follow=True
    )

    endpoint.refresh_from_db()
    assert "There is no model nope" in answer.text
    assert endpoint.listed_models == fake_llm.models


@pytest.mark.requirement("Q-62", "M-10")
def test_staff_replace_a_model_that_fails_by_pages_alone(visit, endpoint, fake_llm):
    fake_llm.answers(model="fake-1", status=404)
    listed = reverse("llmconfig:endpoint_list")

    pages = [
        visit.post(url, data, follow=True).text
        for url, data in (
            (reverse("llmconfig:endpoint_try", args=[endpoint.pk]), {}),
            (reverse("llmconfig:endpoint_create"), filled(fake_llm, model="smollm2")),
            (
                reverse("llmconfig:endpoint_toggle", args=[endpoint.pk]),
                {"enable": "no"},
            ),
            (reverse("llmconfig:endpoint_delete", args=[endpoint.pk]), {}),
        )
    ]

    assert "There is no model fake-1 at this address" in pages[0]
    assert "It works" in pages[1]
    assert "is deleted" in pages[3]
    assert "answer with <b>smollm2</b>" in visit.get(listed).text
    assert Endpoint.objects.count() == 1
