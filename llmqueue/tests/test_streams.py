"""What a stream tells of the requests it follows."""

import asyncio
import json
import uuid
from datetime import timedelta

import pytest
from django.test import Client, RequestFactory
from django.utils import timezone

from llmqueue import views
from llmqueue.live import publishing, streams
from llmqueue.models import LLMRequest

pytestmark = pytest.mark.django_db(transaction=True)

GONE, STAYS = uuid.uuid4(), uuid.uuid4()


def told_of(looks: list[streams.Leases], monkeypatch) -> list[list[str]]:
    """The requests named by `state` events after each look at what is open."""
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.2)
    left = list(looks)

    async def read() -> list[list[str]]:
        told: list[list[str]] = [[]]
        request = RequestFactory().get("/")
        find = lambda reader: left.pop(0) if left else None  # noqa: E731
        async for event in streams.events(request, find):
            if "event: state" in event:
                told[-1].append(json.loads(event.split("data: ")[1])["ask"])
            elif "still here" in event:
                told.append([])
        return told[: len(looks)]

    return asyncio.run(read())


def test_a_waiting_request_that_is_gone_is_told(monkeypatch):
    looks: list[streams.Leases] = [{GONE: None, STAYS: None}, {STAYS: None}]

    assert told_of(looks, monkeypatch) == [[str(GONE), str(STAYS)], [str(GONE)]]


def test_a_request_that_began_is_told_and_one_that_waits_is_not(monkeypatch):
    looks: list[streams.Leases] = [
        {GONE: None, STAYS: None},
        {GONE: uuid.uuid4(), STAYS: None},
    ]

    assert told_of(looks, monkeypatch)[1] == [str(GONE)]


@pytest.fixture
def running() -> publishing.Stream:
    """A request that is being written; its words so far are in Valkey."""
    stream = publishing.Stream(uuid.uuid4(), uuid.uuid4(), str)
    stream.add("so far")
    publishing.Publisher().flush([stream])
    return stream


def events_of(answer, *, until, between, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what a stream tells until `until(names)` holds when it looks again.

    Whenever it does not, `between(names)` is called.
    """
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.3)

    async def read() -> list[str]:
        told: list[str] = []
        async with asyncio.timeout(60):
            async for event in answer():
                told.append(event.partition("\n")[0])
                if "still here" in event and until(told):
                    break
                if "still here" in event:
                    await asyncio.to_thread(between, told)
        return told

    return asyncio.run(read())


def test_words_are_sent_once_however_often_rights_are_looked_at(running, monkeypatch):
    leases: streams.Leases = {running.public_id: running.lease_token}
    added: list[int] = []

    def add(told: list[str]) -> None:
        is_all_told = told.count("event: text") > len(added)
        if is_all_told and told.count(": still here") % 2 == 0:
            added.append(len(told))
            running.add(" and on")
            publishing.Publisher().flush([running])

    told = events_of(
        lambda: streams.events(RequestFactory().get("/"), lambda reader: leases),
        until=lambda told: told.count("event: text") >= 4,
        between=add,
        monkeypatch=monkeypatch,
    )

    # What was there when it began, and three times what was added.
    assert (told.count("event: text"), len(added)) == (4, 3)


def test_a_new_lease_is_followed_from_its_beginning(running, monkeypatch):
    second = publishing.Stream(running.public_id, uuid.uuid4(), str)
    second.add("anew")
    publishing.Publisher().flush([second])
    leases: streams.Leases = {running.public_id: running.lease_token}

    def take_over(told: list[str]) -> None:
        if "event: text" in told:
            leases[running.public_id] = second.lease_token

    told = events_of(
        lambda: streams.events(RequestFactory().get("/"), lambda reader: {**leases}),
        until=lambda told: told.count("event: text") >= 2,
        between=take_over,
        monkeypatch=monkeypatch,
    )

    assert told.count("event: text") == 2
    assert told.count("event: state") == 2


@pytest.mark.parametrize("scope", ["the list", "one request"])
def test_the_queues_pages_are_told_of_states_and_of_no_words(
    running, scope, monkeypatch, make_request, note_handler
):
    request = make_request(endpoint=None)
    LLMRequest.objects.filter(pk=request.pk).update(
        public_id=running.public_id,
        status="processing",
        lease_token=running.lease_token,
        lease_until=timezone.now() + timedelta(minutes=1),
    )
    scoped = views.LIST_SCOPE if scope == "the list" else str(running.public_id)
    session_page = Client().get("/queue/").wsgi_request
    address = streams.url_for(session_page, scoped, "/")
    reading = RequestFactory().get(address)

    async def tell():
        if scope == "the list":
            answer = await views.list_stream(reading)
        else:
            answer = await views.request_stream(reading, running.public_id)
        async for event in answer.streaming_content:
            yield event.decode()

    announced: list[int] = []

    def add(told: list[str]) -> None:
        if told.count("event: state") > len(announced):
            announced.append(len(told))
            running.add(" and on")
            publishing.Publisher().flush([running])
            publishing.announce([running.public_id])

    told = events_of(
        tell,
        until=lambda told: told.count("event: state") >= 3,
        between=add,
        monkeypatch=monkeypatch,
    )

    assert "event: text" not in told
    assert (told.count("event: state"), len(announced)) == (3, 2)
