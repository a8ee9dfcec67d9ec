"""The queue's list: what it says of each request, its filters, counts and queries."""

from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.models import SiteSettings
from forum.models import SubforumPersona
from forum.services import asks
from llmqueue import services as queue
from llmqueue.models import Stop, WorkerHeartbeat
from llmqueue.work import runner
from personas.models import Persona, PersonaOwner, Visibility
from personas.services.drafts import create_persona
from personas.services.personas import delete_persona
from tests.queue_pages import LIST, as_, page
from tests.safety.pages import elements, parse, with_class

pytestmark = pytest.mark.django_db


@pytest.mark.requirement("F-48", "C-07", "F-13")
def test_the_list_says_who_answered_and_why(answer, opening, bob, maestro):
    answer(opening, bob, maestro)

    html = page(as_(None))

    assert "Answered as <b>Maestro v1</b> with Fake model" in html
    assert "persona: asked for; model: the site&#x27;s default" in html
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


def values_in_form(html: str) -> dict[str, str]:
    """What the form of filters holds, by field, without what is empty."""
    [form] = with_class(parse(html), "filter")
    found = {}
    for field in elements(form):
        if field.tag == "input":
            found[field.attrib["name"]] = field.attrib.get("value", "")
        elif field.tag == "select":
            chosen = [it for it in field.iter("option") if "selected" in it.attrib]
            found[field.attrib["name"]] = chosen[0].attrib["value"] if chosen else ""
    return {name: value for name, value in found.items() if value}


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
        assert values_in_form(html) == dict(parse_qsl(query))

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


@pytest.mark.parametrize("visibility", Visibility.values)
def test_a_deleted_persona_is_a_filter_for_whoever_met_it(
    answer, opening, bob, carol, staff, make_persona, visibility
):
    soupy = make_persona("soupy", owner=bob)
    request = answer(opening, bob, soupy).request
    Persona.objects.filter(pk=soupy.pk).update(visibility=visibility)
    delete_persona(persona=soupy, actor=bob)
    is_for_all = visibility == Visibility.PUBLIC

    for reader, may_ask in ((bob, True), (staff, True), (carol, is_for_all)):
        html = page(
            as_(reader), f"{LIST}?persona=soupy", status=200 if may_ask else 422
        )
        assert (request.get_absolute_url() in html) == may_ask


def test_a_name_that_was_taken_over_is_the_new_persona_s(
    answer, opening, bob, make_persona
):
    old = make_persona("soupy", owner=bob)
    delete_persona(persona=old, actor=bob)
    new = make_persona("soupy", owner=bob)
    request = answer(opening, bob, new).request

    assert request.get_absolute_url() in page(as_(None), f"{LIST}?persona=SOUPY")


def test_a_draft_nobody_met_is_no_filter(bob, carol):
    create_persona(creator=bob, name="Soupy", handle="soupy")

    html = page(as_(carol), f"{LIST}?persona=soupy", status=422)

    assert "There is no persona @soupy" in html


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


def test_the_list_opens_a_stream_only_while_something_on_it_may_change(
    opening, bob, answer, fake_config
):
    answer(opening, bob)
    assert "data-stream" not in page(as_(None))

    asks.ask(post=opening, member=bob)

    assert "data-stream" in page(as_(None))
    assert "data-stream" not in page(as_(None), f"{LIST}?status=complete")


@pytest.mark.parametrize("is_on", [True, False])
@pytest.mark.parametrize("age_seconds", [5, 3600])
def test_the_list_knows_of_worker_and_switch_what_the_others_know(is_on, age_seconds):
    seen_at = timezone.now() - timedelta(seconds=age_seconds)
    WorkerHeartbeat.objects.create(name="w", seen_at=seen_at)
    if not is_on:
        Stop.objects.create(scope="site", reason="It costs too much.")

    html = page(as_(None))

    assert ("It costs too much." in html) == (not queue.ai_is_on())
    has_none = queue.ai_is_on() and not WorkerHeartbeat.any_alive()
    assert ("No worker is running" in html) == has_none


@pytest.mark.requirement("Q-40", "F-44")
def test_names_that_are_kept_back_stay_within_the_queries(
    opening, topic, alice, carol, fake_config, make_persona
):
    for number in range(5):
        name = f"hermit-{number}"
        hermit = make_persona(
            name, owner=alice, visibility=Visibility.PRIVATE, voice="Brief."
        )
        SubforumPersona.objects.create(subforum=topic.subforum, persona=hermit)
        asks.ask(post=opening, member=alice, persona=hermit)
    SiteSettings.load()

    for member, most_of_topic in ((carol, 10), (None, 6)):
        client = as_(member)
        for address, most in ((LIST, 8), (topic.get_absolute_url(), most_of_topic)):
            client.get(address)
            with CaptureQueriesContext(connection) as queries:
                html = page(client, address)
            assert len(queries) <= most, address
            assert html.lower().count("a private persona") == 5
            assert "Hermit" not in html
