"""Outside of the opening hours: whoever waits is told until when, and is answered then."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from forum.models import Ask
from forum.services import asks
from llmqueue.models import Status, Stop, WorkerHeartbeat
from llmqueue.tests.conftest import run_until_quiet
from llmqueue.tests.hours import EVERY_DAY, open_again, shut, window
from llmqueue.work import runner
from studio.services import trials
from tests.conftest import wait_until
from tests.queue_pages import LIST, as_, page

pytestmark = pytest.mark.django_db


def words(moment) -> str:
    return f"on {moment:%A %-d %B} at {moment:%H:%M} (UTC)"


def line_of(ask: Ask) -> str:
    """Where the piece of a page with the ask's line is fetched."""
    return ask.get_absolute_url()


@pytest.fixture
def waiting(opening, bob, fake_config) -> Ask:
    return asks.ask(post=opening, member=bob)


@pytest.mark.requirement("O-10", "C-15", "F-59")
def test_who_waits_is_told_until_when_and_is_answered_then(
    waiting, opening, bob, fake_llm
):
    fake_llm.always_answers("Two hours.")
    opens_at = words(shut())
    run_until_quiet()
    browser = as_(bob)

    waiting.refresh_from_db()
    assert (waiting.reply, waiting.request.status) == (None, Status.PENDING)
    assert f"The queue opens {opens_at}." in page(browser)
    shown = page(browser, waiting.request.get_absolute_url())
    assert f"The queue opens {opens_at}. This waits until then." in shown
    topic = page(browser, opening.topic.get_absolute_url())
    assert f"is waiting: the queue opens {opens_at}." in topic
    piece = browser.get(line_of(waiting), headers={"HX-Request": "true"}).text
    assert f"is waiting: the queue opens {opens_at}." in piece
    form = page(browser, f"/posts/{opening.pk}/ask/")
    assert f"The queue opens {opens_at}: your question waits until then." in form

    open_again()
    run_until_quiet()

    waiting.refresh_from_db()
    assert waiting.reply.body == "Two hours."
    assert "opens" not in page(browser)


@pytest.mark.requirement("O-10")
def test_guests_read_it_too(waiting, opening):
    opens_at = words(shut())

    assert f"The queue opens {opens_at}." in page(as_(None))
    assert opens_at in page(as_(None), opening.topic.get_absolute_url())
    assert opens_at in page(as_(None), waiting.request.get_absolute_url())


@pytest.mark.requirement("O-10")
def test_hours_of_an_endpoint_are_told_by_its_name(
    waiting, opening, bob, fake_endpoint
):
    opens_at = words(shut(of=fake_endpoint))
    name = fake_endpoint.name
    browser = as_(bob)

    assert f"Calls to {name} begin {opens_at}." in page(browser)
    assert f"Calls to {name} begin {opens_at}. This waits until then." in page(
        browser, waiting.request.get_absolute_url()
    )
    topic = page(browser, opening.topic.get_absolute_url())
    assert f"is waiting: calls to {name} begin {opens_at}." in topic


@pytest.mark.requirement("O-10")
@pytest.mark.parametrize("is_for_some_time", [True, False])
def test_while_it_is_open_the_page_says_until_when(settings, bob, is_for_some_time):
    if is_for_some_time:
        shut_day = shut()
        window(set(EVERY_DAY) - {shut_day.isoweekday()}, 0, 0)
    else:
        window(EVERY_DAY, 0, 0)

    html = page(as_(bob))

    assert "opens" not in html
    assert ("The queue is open until its hours end" in html) == is_for_some_time


@pytest.mark.requirement("O-10")
def test_the_time_is_that_of_the_site(settings, bob, waiting):
    shut()
    settings.TIME_ZONE = "Asia/Kathmandu"

    html = page(as_(bob))

    assert "at 08:00 (Asia/Kathmandu)" in html


@pytest.mark.requirement("O-10")
def test_what_failed_once_says_that_it_goes_on_when_it_opens(
    waiting, opening, bob, fake_llm
):
    fake_llm.answers(status=503)
    runner.run_next()
    opens_at = words(shut())

    topic = page(as_(bob), opening.topic.get_absolute_url())

    assert f"will try again when the queue opens {opens_at}." in topic


@pytest.mark.requirement("O-10")
def test_a_stop_comes_before_the_hours(waiting, bob):
    shut()
    Stop.objects.create(scope="site", reason="Down.")

    piece = as_(bob).get(line_of(waiting), headers={"HX-Request": "true"}).text

    assert "AI is switched off" in piece
    assert "opens" not in piece


@pytest.mark.requirement("O-10")
def test_a_try_says_that_it_waits_for_the_hours(alice, make_persona, fake_config):
    chef = make_persona("chef", owner=alice)
    trial = trials.begin_trial(
        tester=alice, chosen=chef.current_version, configs=[fake_config], sample="Why?"
    )
    opens_at = words(shut())

    html = page(as_(alice), trial.get_absolute_url())

    assert f"Waiting: the queue opens {opens_at}" in html


@pytest.mark.requirement("O-10", "F-48")
@pytest.mark.parametrize("who", [None, "bob", "staff"])
def test_the_queues_page_stays_within_its_queries(
    opening, bob, alice, staff, fake_config, answer, who, request
):
    answer(opening, bob)
    for member in (alice, bob):
        asks.ask(post=opening, member=member)
    shut()
    shut(of=fake_config.endpoint)
    client = as_(request.getfixturevalue(who) if who else None)
    client.get(LIST)

    with CaptureQueriesContext(connection) as queries:
        page(client)

    assert len(queries) <= 8


@pytest.mark.requirement("O-10")
def test_a_topic_takes_one_query_for_the_hours_and_only_where_something_waits(
    opening, bob, alice, fake_config, answer
):
    client = as_(bob)
    topic = opening.topic.get_absolute_url()

    def count() -> int:
        client.get(topic)
        with CaptureQueriesContext(connection) as queries:
            page(client, topic)
        return sum("queue_schedulewindow" in it["sql"] for it in queries)

    answer(opening, bob)
    assert count() == 0
    for member in (alice, bob):
        asks.ask(post=opening, member=member)
    assert count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("unbroken")
@pytest.mark.requirement("F-59", "C-15")
def test_a_worker_begins_what_waited_within_a_sweep_of_the_opening(
    opening, bob, fake_config, fake_llm, start_worker
):
    """Nobody tells the worker: the hours come by themselves."""
    shut()
    fake_llm.always_answers("Two hours.")
    ask = asks.ask(post=opening, member=bob)
    start_worker()
    wait_until(WorkerHeartbeat.any_alive)
    assert fake_llm.calls() == []

    open_again()
    wait_until(lambda: Ask.objects.exclude(reply=None).exists())

    ask.refresh_from_db()
    assert ask.reply.body == "Two hours."
