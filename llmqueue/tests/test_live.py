import asyncio
import uuid

import pytest
import redis

from llmqueue import live


@pytest.fixture
def stream() -> live.Stream:
    return live.Stream(uuid.uuid4(), uuid.uuid4(), str.upper)


def test_take_news_gives_what_was_added(stream):
    stream.add("one ")
    stream.add("two")
    first = stream.take_news()
    stream.add(" three")
    second = stream.take_news()

    assert (first["at"], first["text"]) == (0, "ONE TWO")
    assert (second["at"], second["text"]) == (7, " THREE")
    assert not second["restart"]
    assert stream.take_news() is None


def test_take_news_restarts_when_cleaning_changed_what_was_shown():
    stream = live.Stream(uuid.uuid4(), uuid.uuid4(), lambda raw: raw.replace("<x>", ""))
    stream.add("Hello <")
    stream.take_news()
    stream.add("x> there")

    news = stream.take_news()

    assert news["restart"]
    assert (news["at"], news["text"]) == (0, "Hello  there")


def listen(leases: dict, publish, count: int) -> list[dict]:
    """The first `count` pieces of news after `publish` was called in between."""

    async def collect() -> list[dict]:
        found: list[dict] = []
        listener = live.Listener()
        news = listener.follow(leases)
        async with asyncio.timeout(10):
            pending = asyncio.ensure_future(anext(news))
            await asyncio.sleep(0.3)
            publish()
            while len(found) < count:
                found.append((await pending)[1])
                if len(found) < count:
                    pending = asyncio.ensure_future(anext(news))
        await news.aclose()
        return found

    return asyncio.run(collect())


def test_a_late_reader_first_gets_the_text_so_far(stream, settings):
    stream.add("so far")
    live.Publisher()._flush([stream])

    def publish() -> None:
        stream.add(", and more")
        live.Publisher()._flush([stream])

    news = listen({stream.public_id: stream.lease_token}, publish, 2)

    assert [(entry["at"], entry["text"]) for entry in news] == [
        (0, "SO FAR"),
        (6, ", AND MORE"),
    ]


def test_another_workers_text_begins_anew(stream):
    stream.add("from the first worker")
    live.Publisher()._flush([stream])
    second = live.Stream(stream.public_id, uuid.uuid4(), str.upper)

    def publish() -> None:
        second.add("again")
        live.Publisher()._flush([second])

    news = listen({stream.public_id: stream.lease_token}, publish, 2)

    assert (news[1]["at"], news[1]["text"], news[1]["restart"]) == (0, "AGAIN", True)


def test_announce_says_look_again(stream):
    news = listen(
        {stream.public_id: None}, lambda: live.announce([stream.public_id]), 1
    )

    assert news == [{"state": True}]


@pytest.mark.fault("F10")
def test_without_valkey_nothing_is_raised_and_no_page_waits(stream, monkeypatch):
    tries = []

    class Away:
        def pipeline(self, **options):
            tries.append(options)
            raise redis.ConnectionError

    monkeypatch.setattr(live, "_valkey", Away)
    monkeypatch.setattr(live, "_pause", live.Pause())

    live.announce([stream.public_id])
    live.announce([stream.public_id])

    assert len(tries) == 1
