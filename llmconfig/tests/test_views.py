"""Settings > Endpoints, as staff and as everybody else sees it."""

import subprocess
import sys
from uuid import uuid4

import pytest
from django.urls import reverse

from llmconfig.models import Endpoint, LLMConfig
from llmconfig.services import endpoints, redirects
from llmconfig.tests.calling import SITE_KEY as KEY

PAGES = ["endpoint_list", "endpoint_create"]
PAGES_OF_ONE = [
    "endpoint_edit",
    "endpoint_try",
    "endpoint_ask_models",
    "endpoint_toggle",
    "endpoint_delete",
    "config_make_default",
]


def address_of(page, endpoint):
    of_config = page.startswith("config")
    key = endpoint.llmconfig_set.get().pk if of_config else endpoint.pk
    return reverse(f"llmconfig:{page}", args=[key] if page in PAGES_OF_ONE else [])


@pytest.mark.parametrize("page", PAGES + PAGES_OF_ONE)
@pytest.mark.parametrize("method", ["get", "post"])
def test_members_find_no_such_page(client, alice, endpoint, page, method):
    client.force_login(alice)

    answer = getattr(client, method)(address_of(page, endpoint))

    assert answer.status_code in (404, 405)
    assert KEY[-4:] not in answer.text
    assert Endpoint.objects.get().is_enabled


@pytest.mark.parametrize("page", PAGES + PAGES_OF_ONE)
def test_guests_are_sent_to_sign_in(client, endpoint, page):
    answer = client.post(address_of(page, endpoint))

    assert answer.status_code == 302
    assert reverse("account_login") in answer["Location"]
    assert Endpoint.objects.get().is_enabled


@pytest.mark.parametrize(
    "page", ["endpoint_edit", "endpoint_try", "endpoint_ask_models", "endpoint_toggle"]
)
def test_an_endpoint_that_is_not_there_is_404(visit, page):
    assert visit.post(reverse(f"llmconfig:{page}", args=[0])).status_code == 404


def test_only_a_config_of_the_site_can_be_made_the_default(visit, endpoint, alice):
    own = LLMConfig.objects.create(
        name="Mine", endpoint=endpoint, model="m", owner=alice
    )

    for key in (own.pk, uuid4()):
        answer = visit.post(reverse("llmconfig:config_make_default", args=[key]))

        assert answer.status_code == 404


@pytest.mark.parametrize(
    "page",
    ["endpoint_try", "endpoint_ask_models", "endpoint_toggle", "config_make_default"],
)
def test_looking_changes_nothing(visit, endpoint, page):
    assert visit.get(address_of(page, endpoint)).status_code == 405


@pytest.mark.fault("A-SEC-1")
def test_endpoint_list_shows_the_key_s_last_four_only(visit, endpoint):
    answer = visit.get(reverse("llmconfig:endpoint_list"))

    assert "ends in e-42" in answer.text
    assert KEY not in answer.text
    assert endpoint.site_key not in answer.text


def test_endpoint_list_says_what_is_default_and_what_is_on(visit, connect):
    connect()
    second, _ = connect(is_default=False)
    endpoints.switch_endpoint(endpoint=second, is_enabled=False, actor=None)

    answer = visit.get(reverse("llmconfig:endpoint_list"))

    assert "answer with <b>fake-1</b> at OpenAI-compatible." in answer.text
    assert answer.text.count('<span class="tag">default</span>') == 1
    assert answer.text.count('<span class="tag off">off</span>') == 1
    assert "Make default" not in answer.text  # the other one is off
    assert "4 calls at a time, 10 minutes each" in answer.text


@pytest.mark.parametrize(
    ("is_other_on", "words"),
    [(True, "the first endpoint below that is on"), (False, "personas cannot answer")],
)
def test_endpoint_list_says_that_the_default_does_not_answer(
    visit, connect, is_other_on, words
):
    first, _ = connect()
    second, _ = connect(is_default=False)
    endpoints.switch_endpoint(endpoint=first, is_enabled=False, actor=None)
    endpoints.switch_endpoint(endpoint=second, is_enabled=is_other_on, actor=None)

    answer = visit.get(reverse("llmconfig:endpoint_list"))

    assert "does not answer: OpenAI-compatible is switched off" in answer.text
    assert "answer with <b>" not in answer.text
    assert words in answer.text


def test_config_make_default_does_what_the_button_says(visit, connect):
    connect()
    second, _ = connect(is_default=False)

    for _ in range(2):
        answer = visit.post(address_of("config_make_default", second), follow=True)

    assert "is the site&#x27;s default now" in answer.text
    assert LLMConfig.objects.default().endpoint == second


def test_config_make_default_refuses_one_that_is_off(visit, connect):
    first, _ = connect()
    second, _ = connect(is_default=False)
    endpoints.switch_endpoint(endpoint=second, is_enabled=False, actor=None)

    answer = visit.post(address_of("config_make_default", second), follow=True)

    assert "cannot be the default" in answer.text
    assert LLMConfig.objects.default().endpoint == first


@pytest.mark.parametrize(
    ("how", "words"), [({}, "It works"), ({"status": 401}, "refused the key")]
)
def test_endpoint_try_says_what_happened(visit, endpoint, fake_llm, how, words):
    fake_llm.always_answers(**how)

    answer = visit.post(
        reverse("llmconfig:endpoint_try", args=[endpoint.pk]), follow=True
    )

    assert words in answer.text


@pytest.mark.parametrize("how", [{}, {"status": 401}])
def test_endpoint_try_says_that_an_endpoint_is_off(visit, endpoint, fake_llm, how):
    endpoints.switch_endpoint(endpoint=endpoint, is_enabled=False, actor=None)
    fake_llm.always_answers(**how)

    answer = visit.post(
        reverse("llmconfig:endpoint_try", args=[endpoint.pk]), follow=True
    )

    assert "It is switched off, so no model of it answers." in answer.text


def test_endpoint_try_says_that_requests_are_answered_by_another(
    visit, staff, endpoint, connect
):
    other, _ = connect(model="fake-2")
    to = other.llmconfig_set.get()
    redirects.make_redirect(
        endpoint=endpoint, model="FAKE-1", to=to, reason="", actor=staff
    )

    page = visit.post(
        reverse("llmconfig:endpoint_try", args=[endpoint.pk]), follow=True
    ).text

    assert "A test asks it past the redirect: requests are answered by fake-2." in page


@pytest.mark.parametrize(("said", "is_enabled"), [("yes", True), ("no", False)])
def test_endpoint_toggle_does_what_the_button_said(visit, endpoint, said, is_enabled):
    for _ in range(2):
        visit.post(
            reverse("llmconfig:endpoint_toggle", args=[endpoint.pk]), {"enable": said}
        )

    endpoint.refresh_from_db()
    assert endpoint.is_enabled is is_enabled


def test_endpoint_delete_asks_first_and_takes_a_second_press(visit, connect):
    connect()
    spare, _ = connect(is_default=False)
    address = reverse("llmconfig:endpoint_delete", args=[spare.pk])

    asked = visit.get(address)
    answers = [visit.post(address, follow=True) for _ in range(2)]

    assert "Delete OpenAI-compatible 2?" in asked.text
    assert "With it goes the config fake-1 · OpenAI-compatible 2." in asked.text
    assert [answer.status_code for answer in answers] == [200, 200]
    assert "is deleted" in answers[0].text
    assert Endpoint.objects.count() == 1
    assert visit.get(address).status_code == 404


@pytest.mark.parametrize(("method", "status"), [("get", 200), ("post", 409)])
def test_endpoint_delete_says_what_needs_it_and_offers_the_switch(
    visit, endpoint, method, status
):
    answer = getattr(visit, method)(
        reverse("llmconfig:endpoint_delete", args=[endpoint.pk])
    )

    assert answer.status_code == status
    assert "fake-1, the site&#x27;s default model" in answer.text
    assert "Switch it off instead" in answer.text
    assert 'class="grave"' not in answer.text
    assert Endpoint.objects.exists()


def test_endpoint_delete_offers_no_switch_that_is_off_already(visit, endpoint):
    endpoints.switch_endpoint(endpoint=endpoint, is_enabled=False, actor=None)

    answer = visit.get(reverse("llmconfig:endpoint_delete", args=[endpoint.pk]))

    assert "It is switched off" in answer.text
    assert "Switch off</button>" not in answer.text


def test_the_pages_do_not_import_litellm():
    program = (
        "import django, sys; django.setup(); import forllm.urls, llmconfig.views.endpoints;"
        "print('litellm' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"
