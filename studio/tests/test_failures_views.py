"""Settings > Endpoints > Failures, and what people see of a paused endpoint."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEvent
from forum.services import asks
from llmconfig.models import Endpoint, LLMConfig
from llmqueue.models import Lane, SimulatedFailure, WorkerHeartbeat
from llmqueue.work import claims, lanes, runner
from tests.own_keys import OWN_KEY, bring_key, bring_site_key

pytestmark = pytest.mark.django_db

FORM = {"outcome": "overloaded", "calls": "3", "minutes": "5"}


@pytest.fixture
def visit(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def opening(topic):
    return topic.posts.get()


@pytest.fixture
def failures(fake_endpoint) -> str:
    return reverse("studio:failure_simulate", args=[fake_endpoint.pk])


@pytest.fixture
def paused(fake_config) -> Lane:
    lane = lanes.lane_of(fake_config.endpoint)
    Lane.objects.filter(pk=lane.pk).update(
        failures=5,
        broken_at=Now() - timedelta(minutes=3),
        broken_until=Now() + timedelta(minutes=5),
        broken_by="key_refused",
    )
    lane.refresh_from_db()
    return lane


def test_staff_let_calls_fail_and_stop_it_by_one_click(visit, failures, fake_endpoint):
    page = visit.post(failures, FORM, follow=True)

    assert "for the next 3 calls" in page.text
    for reminder in ("/queue/", "/settings/endpoints/"):
        assert "simulated" in visit.get(reminder).text
    stop = reverse("studio:failure_stop", args=[fake_endpoint.pk])

    visit.post(stop, follow=True)

    assert not SimulatedFailure.objects.exists()
    for reminder in ("/queue/", "/settings/endpoints/"):
        assert "simulated" not in visit.get(reminder).text


def test_members_are_not_told_of_a_simulation(client, alice, visit, failures):
    visit.post(failures, FORM)
    visit.force_login(alice)

    assert "simulated" not in visit.get("/queue/").text


@pytest.mark.parametrize(
    "wrong",
    [
        {"outcome": "answered"},
        {"outcome": "cut_off"},
        {"calls": "21"},
        {"calls": "0"},
        {"minutes": "61"},
        {"minutes": ""},
    ],
    ids=lambda wrong: "-".join(*wrong.items()),
)
def test_nothing_else_is_simulated(visit, failures, wrong):
    page = visit.post(failures, FORM | wrong)

    assert page.status_code == 422
    assert not SimulatedFailure.objects.exists()


def test_the_request_says_that_staff_let_it_fail(
    visit, failures, as_, alice, opening, fake_config, fake_llm
):
    visit.post(failures, FORM | {"outcome": "refused"})
    ask = asks.ask(post=opening, member=alice)
    runner.run_next()

    page = as_(alice).get(ask.request.get_absolute_url()).text

    assert "Simulated by staff, nothing was sent." in page
    assert '<span class="tag off">simulated</span>' in page
    assert "free" in page


def test_everybody_sees_what_is_paused_since_when_until_when_and_why(client, paused):
    with CaptureQueriesContext(connection) as queries:
        page = client.get("/queue/").text

    assert "Fake is not answering right now: it refuses the site&#x27;s key." in page
    assert "3 min ago" in page
    assert "in 5 min" in page
    assert len(queries) <= 8


def test_the_queue_says_when_it_is_being_tried(client, paused, opening, alice):
    asks.ask(post=opening, member=alice)
    Lane.objects.update(broken_until=Now())
    claims.take()

    assert "one request is being tried" in client.get("/queue/").text


def test_staff_try_a_paused_endpoint_again_on_the_record(visit, paused, staff):
    page = visit.get("/settings/endpoints/").text
    assert "Paused since" in page
    assert "Try again now" in page
    resume = reverse("studio:endpoint_resume", args=[paused.endpoint_id])

    for _ in range(2):
        visit.post(resume)

    paused.refresh_from_db()
    assert (paused.is_paused, paused.failures) == (False, 0)
    event = AuditEvent.objects.get()
    assert (event.action, event.actor) == ("endpoint resumed", staff)
    assert event.detail["before"] == {"failures": 5, "outcome": "key_refused"}


def test_who_asks_reads_beforehand_what_becomes_of_it(
    as_, alice, opening, paused, fake_config, make_second
):
    url = reverse("forum:ask_create", args=[opening.pk])
    page = as_(alice).get(url).text
    assert "your question waits for it, 30 minutes at the most" in page

    make_second()

    page = as_(alice).get(url).text
    assert "your question goes to Second" in page


def test_who_answers_here_says_so_as_well(client, subforum, paused):
    page = client.get(reverse("studio:subforum_answering", args=[subforum.slug])).text

    assert "Fake is not answering right now" in page


def test_who_waits_reads_why(as_, alice, opening, paused):
    WorkerHeartbeat.objects.create(name="one", seen_at=Now(), running_count=0)
    ask = asks.ask(post=opening, member=alice)
    browser = as_(alice)
    piece = browser.get(ask.get_absolute_url(), headers={"HX-Request": "true"})

    assert "Fake is not answering right now" in piece.text
    page = browser.get(ask.request.get_absolute_url()).text
    assert "Fake is not answering right now, as it refuses the site" in page


def test_who_pays_with_a_key_of_their_own_does_not_wait_for_the_sites(
    as_, alice, opening, paused, fake_endpoint
):
    bring_site_key(fake_endpoint)
    bring_key(alice, fake_endpoint, OWN_KEY)
    ask = asks.ask(post=opening, member=alice)

    page = as_(alice).get(ask.request.get_absolute_url()).text

    assert "is not answering right now" not in page


@pytest.fixture
def make_second(fake_config):
    """Give the site's default a fallback at another endpoint."""

    def make() -> None:
        endpoint = Endpoint.objects.create(
            name="Elsewhere", provider="compatible", api_base="https://llm.example/v1"
        )
        fake_config.fallback = LLMConfig.objects.create(
            name="Second", model="m", endpoint=endpoint, is_global=True
        )
        fake_config.save()

    return make
