"""What a muted persona writes is not even sent to whoever muted it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client, RequestFactory

from forum import live
from forum.services import asks
from forum.views.live import topic_stream
from llmqueue.live import listening, publishing, streams
from llmqueue.work import claims
from llmqueue.work.freezing import freeze
from personas.models import Persona, UserPersonaSettings

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def begin(fake_config) -> Callable[[], publishing.Stream]:
    """Have a worker begin what waits, as far as its first words."""

    def begin() -> publishing.Stream:
        try:
            request = claims.take()
            assert request is not None
            attempt = freeze(request).attempt
        finally:
            connection.close()  # of a thread of its own
        stream = publishing.Stream(request.public_id, attempt.lease_token, str)
        go_on(stream, "so far")
        return stream

    return begin


def go_on(stream: publishing.Stream, words: str = ", and on") -> None:
    """A worker writes more, and has something to announce."""
    stream.add(words)
    publishing.announce([stream.public_id])
    publishing.Publisher().flush([stream])


@pytest.fixture
def sent_to(topic, monkeypatch) -> Callable[..., str]:
    """What the topic's stream sends to a member, until it says `until` or looked so often.

    `meanwhile` is done after the first event, and `always` again and again.
    """

    def read(
        member,
        *,
        until: str = "",
        looks: int = 10_000,
        meanwhile: Callable[[], object] = lambda: None,
        always: Callable[[], object] = lambda: None,
    ) -> str:
        monkeypatch.setattr(listening, "_listeners", {})  # of loops that have ended
        browser = Client()
        browser.force_login(member)
        page = browser.get(topic.get_absolute_url()).wsgi_request
        reading = RequestFactory().get(live.stream_url(page, topic))
        reading.COOKIES = page.COOKIES

        async def bustle() -> None:
            await asyncio.to_thread(meanwhile)
            while True:
                await asyncio.to_thread(always)
                await asyncio.sleep(0.1)

        async def listen() -> str:
            sent, bustling = "", None
            answer = await topic_stream(reading, topic.pk)
            assert isinstance(answer, StreamingHttpResponse)
            async with asyncio.timeout(60):
                async for event in cast(AsyncIterator[bytes], answer.streaming_content):
                    sent += event.decode()
                    bustling = bustling or asyncio.create_task(bustle())
                    if (until and until in sent) or sent.count(": still here") == looks:
                        break
            assert bustling is not None
            bustling.cancel()
            await asyncio.wait({bustling})
            return sent

        return asyncio.run(listen())

    return read


@pytest.fixture
def muted(bob, maestro) -> UserPersonaSettings:
    return UserPersonaSettings.objects.create(user=bob, persona=maestro, is_muted=True)


def test_its_words_are_sent_to_others_alone(
    begin, sent_to, monkeypatch, opening, alice, bob, maestro, muted
):
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.3)
    asks.ask(post=opening, member=alice, persona=maestro)
    stream = begin()

    sent = sent_to(bob, looks=8, always=lambda: go_on(stream))

    assert "event: state" in sent
    assert "event: text" not in sent
    assert "so far" in sent_to(alice, until="so far")


def test_they_are_not_sent_either_if_nobody_knew_that_it_would_write(
    begin, sent_to, monkeypatch, opening, alice, bob
):
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.3)
    fallback = Persona.objects.get(is_fallback=True)
    UserPersonaSettings.objects.create(user=bob, persona=fallback, is_muted=True)
    ask = asks.ask(post=opening, member=alice)
    assert ask.request.answerer is None
    begun: list[publishing.Stream] = []

    sent = sent_to(
        bob,
        looks=12,
        meanwhile=lambda: begun.append(begin()),
        always=lambda: go_on(begun[0]),
    )

    ask.request.refresh_from_db()
    assert ask.request.answerer == fallback
    assert "event: state" in sent
    assert "event: text" not in sent


def test_what_another_writes_is_sent_as_soon_as_it_begins(
    begin, sent_to, monkeypatch, make_persona, opening, alice, bob, muted
):
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 600)
    asks.ask(post=opening, member=alice, persona=make_persona("hermit", owner=alice))
    begun: list[publishing.Stream] = []

    sent = sent_to(
        bob,
        until=", and on",
        meanwhile=lambda: begun.append(begin()),
        always=lambda: go_on(begun[0]),
    )

    assert "event: text" in sent
