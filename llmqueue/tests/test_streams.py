"""What a stream tells of the requests it follows."""

import asyncio
import json
import uuid

import pytest
from django.test import RequestFactory

from llmqueue import streams

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
