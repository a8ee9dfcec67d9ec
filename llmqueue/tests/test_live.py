import asyncio
import uuid

import pytest
import redis
from django.conf import settings

from llmqueue.live import channels, listening, publishing
from tests.conftest import wait_until


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    """What one test made of Valkey keeps no other from using it."""
    monkeypatch.setattr(publishing, "_pause", publishing.Pause())


@pytest.fixture
def stream() -> publishing.Stream:
    return publishing.Stream(uuid.uuid4(), uuid.uuid4(), str.upper)


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
    stream = publishing.Stream(
        uuid.uuid4(), uuid.uuid4(), lambda raw: raw.replace("<x>", "")
    )
    stream.add("Hello <")
    stream.take_news()
    stream.add("x> there")

    news = stream.take_news()

    assert news["restart"]
    assert (news["at"], news["text"]) == (0, "Hello  there")


def has_readers(leases: dict) -> bool:
    """Whether somebody has subscribed to all of these requests, and they have no text."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        readers = client.pubsub_numsub(*map(channels.channel_of, leases))
        texts = client.exists(*(channels.text_key(*it) for it in leases.items()))
    return not texts and all(count for _, count in readers)


def listen(leases: dict, publish, count: int) -> list[dict]:
    """The first `count` pieces of news; `publish` is called once the reader listens.

    By then it has been given the text so far, if there is any.
    """

    async def collect() -> list[dict]:
        found: list[dict] = []
        listener = listening.Listener()
        news = listener.follow(leases)
        async with asyncio.timeout(60):
            pending = asyncio.ensure_future(anext(news))
            while not pending.done() and not has_readers(leases):
                await asyncio.sleep(0.01)
            publish()
            while len(found) < count:
                found.append((await pending)[1])
                if len(found) < count:
                    pending = asyncio.ensure_future(anext(news))
        await news.aclose()
        return found

    return asyncio.run(collect())


def test_a_late_reader_first_gets_the_text_so_far(stream):
    stream.add("so far")
    publishing.Publisher().flush([stream])

    def publish() -> None:
        stream.add(", and more")
        publishing.Publisher().flush([stream])

    news = listen({stream.public_id: stream.lease_token}, publish, 2)

    assert [(entry["at"], entry["text"]) for entry in news] == [
        (0, "SO FAR"),
        (6, ", AND MORE"),
    ]


def test_another_workers_text_begins_anew(stream):
    stream.add("from the first worker")
    publishing.Publisher().flush([stream])
    second = publishing.Stream(stream.public_id, uuid.uuid4(), str.upper)

    def publish() -> None:
        second.add("again")
        publishing.Publisher().flush([second])

    news = listen({stream.public_id: stream.lease_token}, publish, 2)

    assert (news[1]["at"], news[1]["text"], news[1]["restart"]) == (0, "AGAIN", True)


def test_announce_says_look_again(stream):
    news = listen(
        {stream.public_id: None}, lambda: publishing.announce([stream.public_id]), 1
    )

    assert news == [{"state": True}]


@pytest.mark.fault("F10")
def test_without_valkey_nothing_is_raised_and_no_page_waits(stream, monkeypatch):
    tries = []

    class Away:
        def pipeline(self, **options):
            tries.append(options)
            raise redis.ConnectionError

    monkeypatch.setattr(publishing, "_valkey", Away)

    publishing.announce([stream.public_id])
    publishing.announce([stream.public_id])

    assert len(tries) == 1


@pytest.mark.fault("F12", "F13")
def test_after_valkey_was_away_readers_get_the_whole_text(
    stream, servers, settings, monkeypatch
):
    publisher = publishing.Publisher()
    stream.add("before, ")
    publisher.flush([stream])
    servers.stop_valkey()
    try:
        stream.add("meanwhile, ")
        publisher.flush([stream])
    finally:
        servers.start_valkey()
    monkeypatch.setattr(publishing, "_pause", publishing.Pause())

    def publish() -> None:
        stream.add("after")
        publisher.flush([stream])

    news = listen({stream.public_id: stream.lease_token}, publish, 1)

    assert news == [{"at": 0, "text": "BEFORE, MEANWHILE, AFTER", "restart": True}]


def test_nothing_is_published_twice_after_an_empty_flush(stream):
    publisher = publishing.Publisher()
    stream.add("once")
    publisher.flush([stream])
    publisher.flush([stream])

    news = listen({stream.public_id: stream.lease_token}, lambda: None, 1)

    assert news[0]["text"] == "ONCE"
    assert stream.take_news() is None


def text_in_valkey(stream):
    client = redis.Redis.from_url(settings.REDIS_URL)
    kept = client.get(f"live:text:{stream.public_id}:{stream.lease_token}")
    client.close()
    return kept.decode() if kept else ""


def test_a_stream_that_cannot_be_cleaned_holds_up_no_other(stream, caplog):
    def fail(raw: str) -> str:
        raise RuntimeError("a bug")

    broken = publishing.Stream(uuid.uuid4(), uuid.uuid4(), fail)
    publisher = publishing.Publisher()
    broken.add("x")
    stream.add("well")

    publisher.open(broken)
    publisher.open(stream)
    wait_until(lambda: text_in_valkey(stream) == "WELL")
    publisher.close(broken)
    publisher.close(stream)

    told = [entry for entry in caplog.records if "cleaning failed" in entry.message]
    assert len(told) == 1
    assert told[0].exc_info


def test_publishing_survives_an_error_nobody_foresaw(stream, monkeypatch, caplog):
    failed = []

    def fail():
        failed.append(1)
        raise RuntimeError("a bug")

    publisher = publishing.Publisher()
    with monkeypatch.context() as patch:
        patch.setattr(publishing, "_valkey", fail)
        stream.add("well")
        publisher.open(stream)
        wait_until(lambda: len(failed) >= 2)

    wait_until(lambda: text_in_valkey(stream) == "WELL")
    publisher.close(stream)

    assert sum("publishing failed" in line for line in caplog.messages) == 1


def test_many_readers_at_once_share_the_connections(stream):
    """One that listens and one that reads; a crowd would else take all Valkey has."""
    admin = redis.Redis.from_url(settings.REDIS_URL)
    before = {entry["id"] for entry in admin.client_list()}
    stream.add("so far")
    publishing.Publisher().flush([stream])

    async def crowd() -> list[str]:
        listener = listening.Listener()
        leases = {stream.public_id: stream.lease_token}
        readers = [listener.follow(leases) for _ in range(20)]
        async with asyncio.timeout(60):
            news = await asyncio.gather(*(anext(reader) for reader in readers))
        opened = [e for e in admin.client_list() if e["id"] not in before]
        for reader in readers:
            await reader.aclose()
        assert {entry["text"] for _, entry in news} == {"SO FAR"}
        return [entry["flags"] for entry in opened]

    flags = asyncio.run(crowd())
    admin.close()

    assert sum("P" in entry for entry in flags) == 1
    assert len(flags) <= 3  # and the publisher's
