"""Who may listen to a topic's stream, and for how long."""

import asyncio
import time

import pytest
from django.test import RequestFactory

from forum import live
from forum.models import TopicQuerySet
from forum.services import asks
from llmqueue.live import streams

pytestmark = pytest.mark.django_db


@pytest.fixture
def reading(client, alice):
    """A request of alice's browser, and how she signs out."""
    client.force_login(alice)
    request = RequestFactory().get("/")
    request.COOKIES = {name: morsel.value for name, morsel in client.cookies.items()}
    request.session = client.session
    return request, client.logout


def opened(request, topic):
    """The request by which the browser opens the stream of `topic`."""
    url = live.stream_url(request, topic)
    again = RequestFactory().get(url)
    again.COOKIES = request.COOKIES
    return again


def test_a_token_is_for_one_topic(reading, topic):
    request = opened(reading[0], topic)

    assert streams.token_is_good(request, live.scope_of(topic.pk))
    assert not streams.token_is_good(request, live.scope_of(topic.pk + 1))


def test_a_token_is_for_one_session(reading, topic):
    request = opened(reading[0], topic)
    request.COOKIES = dict.fromkeys(request.COOKIES, "another")

    assert not streams.token_is_good(request, live.scope_of(topic.pk))


def test_a_token_expires(reading, topic, monkeypatch, client):
    request = opened(reading[0], topic)
    later = time.time() + streams.TOKEN_AGE_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)

    assert not streams.token_is_good(request, live.scope_of(topic.pk))
    assert client.get(request.get_full_path()).status_code == 403


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("F-57")
@pytest.mark.fault("A-IDOR-1")
def test_an_open_stream_ends_when_its_reader_may_no_longer_read(
    reading, topic, alice, monkeypatch
):
    """Signed-in readers only, for this test: a guest may not read the topic."""
    request, sign_out = reading
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.2)
    monkeypatch.setattr(
        TopicQuerySet,
        "visible_to",
        lambda topics, user: (
            topics.filter() if user.is_authenticated else topics.none()
        ),
    )
    asks.ask(post=topic.posts.get(), member=alice)

    async def read() -> list[str]:
        told = []
        async with asyncio.timeout(60):
            async for event in streams.events(request, live.open_leases(topic.pk)):
                told.append(event)
                if "still here" in event and told.count(event) == 2:
                    await asyncio.to_thread(sign_out)
        return told

    told = asyncio.run(read())

    assert "event: state" in told[1]
    assert told[-1] == ": still here\n\n"
    assert told.count(told[-1]) <= 3
