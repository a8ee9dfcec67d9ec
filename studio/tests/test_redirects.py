"""*Answer with that instead of this*, in pages."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.encryption import encrypt
from forum.models import Subforum
from forum.services import asks
from llmconfig.addresses import host_and_port
from llmconfig.models import (
    AISettings,
    ApiKey,
    Endpoint,
    LLMConfig,
    ModelProfile,
    ProviderPreference,
    Redirect,
)
from llmqueue.models import LLMRequest
from personas.models import Persona, UserPersonaSettings
from tests.many_personas import add_personas

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("Q-01", "Q-62", "D-44"),
]
NEW = "/settings/endpoints/redirects/new/"


@pytest.fixture
def far_config(other_config, fake_llm) -> LLMConfig:
    """The other model of the site, at an endpoint of its own."""
    endpoint = Endpoint.objects.create(
        name="Far", provider="compatible", api_base=fake_llm.address
    )
    LLMConfig.objects.filter(pk=other_config.pk).update(endpoint=endpoint)
    other_config.refresh_from_db()
    return other_config


@pytest.fixture
def form(fake_config, far_config) -> dict[str, object]:
    return {
        "endpoint": fake_config.endpoint_id,
        "model": "",
        "to": far_config.pk,
        "reason": "It refuses everybody.",
    }


def effects(response) -> dict[str, int]:
    return {it.what: it.count for it in response.context["effects"]}


def test_staff_see_what_changes_before_anything_does(
    visit, staff, form, fake_config, alice, bob, question, make_persona
):
    asks.ask(post=question, member=alice)
    asks.ask(post=question, member=bob)
    AISettings.objects.create(user=bob, default_config=fake_config)
    maestro = Persona.objects.get(slug="maestro")
    UserPersonaSettings.objects.create(user=bob, persona=maestro, config=fake_config)
    ProviderPreference.objects.create(
        user=bob, endpoint=fake_config.endpoint, model="x"
    )
    Persona.objects.filter(pk=maestro.pk).update(default_config=fake_config)
    pin, _ = ModelProfile.objects.update_or_create(
        key="pinned", defaults={"config": fake_config}
    )
    Subforum.objects.create(name="Pinned", slug="pinned", profile=pin)
    # Without a key of the site's, any word would pass for a member's.
    Endpoint.objects.filter(pk=fake_config.endpoint_id).update(
        site_key=encrypt("k", owner="site", host="h")
    )
    ApiKey.objects.create(
        user=alice,
        endpoint=fake_config.endpoint,
        host=host_and_port(fake_config.endpoint.address),
        secret=encrypt("k", owner="o", host="h"),
    )

    answer = visit(staff).post(NEW, form)

    assert answer.status_code == 200
    assert effects(answer) == {
        "Requests that wait now": 2,
        "Personas with it as their own model": 1,
        "Subforums that pin it": 1,
        "Personas without a model of their own, as it is the site's default": 8,
        "Subforums that pin nothing, as it is the site's default": 1,
        "Members' defaults": 1,
        "Members' own models for a persona": 1,
        "Members' models for the provider": 1,
        "Members who stay, as they pay with their own key there": 1,
    }
    assert not Redirect.objects.exists()
    one_model = visit(staff).post(NEW, form | {"model": "x"})
    assert effects(one_model)["Members' models for the provider"] == 1
    assert effects(one_model)["Requests that wait now"] == 0


def test_a_confirmed_redirect_holds_is_announced_and_undone_by_one_click(
    visit, staff, form, alice, far_config, question, fake_config
):
    ask = asks.ask(post=question, member=alice)
    browser = visit(staff)

    made = browser.post(NEW, form | {"is_confirmed": "yes"}, follow=True)

    assert "Other model answers instead of every model at Fake." in made.text
    assert 'by <a href="/u/warden/">@warden</a>: It refuses everybody.' in made.text
    for member in (None, alice):
        queue = visit(member).get("/queue/").text
        assert "<b>Other model</b> answers instead of every model at Fake" in queue
        assert "Will answer as <b>Companion v1</b> with Other model" in queue
        assert "redirects/" not in queue
    place = visit(alice).get("/s/kitchen/who/").text
    assert "with Other model" in place
    assert "a redirect by staff" in place
    ask.request.refresh_from_db()
    assert ask.request.lane.endpoint == far_config.endpoint

    undo = f"/settings/endpoints/redirects/{Redirect.objects.get().pk}/undo/"
    assert undo in browser.get("/queue/").text
    gone = browser.post(undo, follow=True)

    assert "The redirect of every model at Fake is undone." in gone.text
    assert browser.post(undo).status_code == 302
    assert "answers instead" not in visit().get("/queue/").text
    assert "with Fake model" in visit(alice).get("/s/kitchen/who/").text
    ask.request.refresh_from_db()
    assert ask.request.lane.endpoint == fake_config.endpoint
    record = browser.get("/settings/endpoints/redirects/").text
    assert "undone" in record
    assert "It refuses everybody." in record


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reason": " "}, "This field is required."),
        ({"reason": "\u200b"}, "Please say why; readers see it."),
        ({"to": ""}, "This field is required."),
        ({"endpoint": "x"}, "Please choose one of the endpoints."),
    ],
    ids=["no reason", "invisible reason", "no target", "no endpoint"],
)
def test_what_is_missing_is_said(visit, staff, form, change, said):
    answer = visit(staff).post(NEW, form | change)

    assert answer.status_code == 422
    assert said in answer.text


@pytest.mark.parametrize("confirmed", [{}, {"is_confirmed": "yes"}], ids=["ask", "do"])
def test_a_circle_is_refused_at_either_step(
    visit, staff, form, fake_config, far_config, confirmed
):
    Redirect.objects.create(endpoint=far_config.endpoint, to=fake_config)

    answer = visit(staff).post(NEW, form | confirmed)

    assert answer.status_code == 422
    assert "nobody would answer" in answer.text
    assert Redirect.objects.count() == 1


def test_the_form_is_begun_from_an_endpoint(visit, staff, fake_config):
    browser = visit(staff)
    address = f"{NEW}?endpoint={fake_config.endpoint_id}"

    assert address in browser.get("/settings/endpoints/").text
    assert f'value="{fake_config.endpoint_id}" selected' in browser.get(address).text


def test_members_neither_see_nor_make_redirects(visit, alice, form):
    browser = visit(alice)

    for address in (NEW, "/settings/endpoints/redirects/"):
        assert browser.get(address).status_code == 404
    assert browser.post(NEW, form | {"is_confirmed": "yes"}).status_code == 404
    assert not Redirect.objects.exists()


def test_the_count_of_what_changes_costs_the_same_for_many(
    visit, staff, form, alice, question
):
    browser, costs = visit(staff), []
    for _ in range(2):
        asks.ask(post=question, member=alice)
        browser.post(NEW, form)
        with CaptureQueriesContext(connection) as queries:
            browser.post(NEW, form)
        costs.append(len(queries))
        for _ in range(10):
            asks.ask(post=question, member=alice)
        if len(costs) == 1:
            add_personas(100)

    assert LLMRequest.objects.count() > 20
    assert costs[0] == costs[1] <= 32


def test_the_record_of_redirects_is_paged(visit, staff, fake_config):
    for number in range(45):
        Redirect.objects.create(
            endpoint=fake_config.endpoint,
            model=f"m-{number}",
            to=fake_config,
            undone_at="2026-01-01T00:00Z",
        )
    browser, address = visit(staff), "/settings/endpoints/redirects/"

    first = browser.get(address)
    second = browser.get(f"{address}?before={first.context['older']}")

    found = [len(it.context["redirects"]) for it in (first, second)]
    assert found == [40, 5]
    assert browser.get(f"{address}?before=x").status_code == 404
