"""Settings > Endpoints, as staff and as everybody else sees it."""

import subprocess
import sys

import pytest
from django.urls import reverse

from llmconfig import services
from llmconfig.models import Endpoint, LLMConfig

KEY = "sk-canary-of-the-site-42"


@pytest.fixture
def endpoint(db, fake_llm) -> Endpoint:
    endpoint, _ = services.connect_endpoint(
        provider="compatible",
        api_base=fake_llm.address,
        key=KEY,
        model="fake-1",
        is_default=True,
    )
    return endpoint


@pytest.fixture
def visit(client, staff):
    client.force_login(staff)
    return client


def filled(fake_llm, **changes):
    fields = {
        "provider": "compatible",
        "address": fake_llm.address,
        "key": KEY,
        "model": "fake-1",
        "is_default": "on",
    }
    return fields | changes


PAGES = ["endpoint_list", "endpoint_create"]
PAGES_OF_ONE = ["endpoint_edit", "endpoint_test", "endpoint_toggle"]


@pytest.mark.parametrize("page", PAGES + PAGES_OF_ONE)
@pytest.mark.parametrize("method", ["get", "post"])
def test_members_find_no_such_page(client, alice, endpoint, page, method):
    client.force_login(alice)
    args = [endpoint.pk] if page in PAGES_OF_ONE else []

    answer = getattr(client, method)(reverse(f"llmconfig:{page}", args=args))

    assert answer.status_code in (404, 405)
    assert KEY[-4:] not in answer.text


@pytest.mark.parametrize("page", PAGES)
def test_guests_are_sent_to_sign_in(client, db, page):
    answer = client.get(reverse(f"llmconfig:{page}"))

    assert answer.status_code == 302
    assert reverse("account_login") in answer["Location"]


@pytest.mark.parametrize("page", PAGES_OF_ONE)
def test_an_endpoint_that_is_not_there_is_404(visit, page):
    assert visit.post(reverse(f"llmconfig:{page}", args=[0])).status_code == 404


@pytest.mark.parametrize("page", ["endpoint_test", "endpoint_toggle"])
def test_looking_changes_nothing(visit, endpoint, page):
    answer = visit.get(reverse(f"llmconfig:{page}", args=[endpoint.pk]))

    assert answer.status_code == 405


@pytest.mark.fault("A-SEC-1")
def test_endpoint_list_shows_the_key_s_last_four_only(visit, endpoint):
    answer = visit.get(reverse("llmconfig:endpoint_list"))

    assert "ends in e-42" in answer.text
    assert KEY not in answer.text
    assert endpoint.site_key not in answer.text


def test_endpoint_create_connects_a_model(visit, fake_llm):
    answer = visit.post(
        reverse("llmconfig:endpoint_create"), filled(fake_llm), follow=True
    )

    assert answer.redirect_chain[0] == (reverse("llmconfig:endpoint_list"), 302)
    assert "is connected" in answer.text
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

    visit.post(reverse("llmconfig:endpoint_create"), filled(fake_llm, is_untried="on"))

    assert Endpoint.objects.count() == 1
    assert fake_llm.requests == []


def test_endpoint_edit_takes_another_key_and_never_shows_one(visit, endpoint, fake_llm):
    address = reverse("llmconfig:endpoint_edit", args=[endpoint.pk])
    assert KEY not in visit.get(address).text

    visit.post(address, {"address": fake_llm.address, "key": "another-key-of-1234"})

    endpoint.refresh_from_db()
    assert services.call_secrets(endpoint=endpoint) == "another-key-of-1234"


@pytest.mark.parametrize("address", ["", "http://10.0.0.1/v1"])
def test_endpoint_edit_refuses_a_wrong_address(visit, endpoint, address):
    answer = visit.post(
        reverse("llmconfig:endpoint_edit", args=[endpoint.pk]), {"address": address}
    )

    assert answer.status_code == 422
    kept = endpoint.api_base
    endpoint.refresh_from_db()
    assert endpoint.api_base == kept


@pytest.mark.parametrize(
    ("how", "words"), [({}, "has the model"), ({"status": 401}, "refused the key")]
)
def test_endpoint_test_says_what_happened(visit, endpoint, fake_llm, how, words):
    fake_llm.answers(**how)

    answer = visit.post(
        reverse("llmconfig:endpoint_test", args=[endpoint.pk]), follow=True
    )

    assert words in answer.text


@pytest.mark.parametrize(("said", "is_enabled"), [("yes", True), ("no", False)])
def test_endpoint_toggle_does_what_the_button_said(visit, endpoint, said, is_enabled):
    for _ in range(2):
        visit.post(
            reverse("llmconfig:endpoint_toggle", args=[endpoint.pk]), {"enable": said}
        )

    endpoint.refresh_from_db()
    assert endpoint.is_enabled is is_enabled


def test_the_pages_do_not_import_litellm():
    program = (
        "import django, sys; django.setup(); import forllm.urls, llmconfig.views;"
        "print('litellm' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"
