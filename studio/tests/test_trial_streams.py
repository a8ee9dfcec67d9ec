"""The words of a try reach those who shape the persona, as they are written."""

import asyncio
import re

import pytest
from django.http import Http404
from django.test import RequestFactory
from django.urls import resolve

from llmqueue.live import publishing, streams
from llmqueue.models import LLMRequest
from llmqueue.pause import Pause
from llmqueue.work import claims
from personas.models import PersonaOwner
from studio.services import trials

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = "What a hermit says."


@pytest.fixture
def writing(draft, fake_config, monkeypatch) -> LLMRequest:
    """A try of alice's whose model has written some words."""
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.5)
    monkeypatch.setattr(publishing, "_pause", Pause())
    trials.begin_trial(
        tester=draft.editor, chosen=draft, configs=[fake_config], sample="Why soup?"
    )
    request = claims.take()
    assert request is not None
    stream = publishing.Stream(request.public_id, request.held_token, str)
    stream.add(WORDS)
    publishing.Publisher().flush([stream])
    return request


def heard(client, address: str, words: str = ": still here") -> str:
    """What the stream that the page at `address` opens tells until it says `words`.

    If nothing else, until it looks again.
    """
    page = client.get(address)
    found = re.search(r'data-stream="([^"]+)"', page.text)
    if found is None:
        raise Http404
    request = RequestFactory().get(found[1])
    request.COOKIES = {name: morsel.value for name, morsel in client.cookies.items()}
    view = resolve(request.path)

    async def read() -> str:
        answer = await view.func(request, *view.args, **view.kwargs)
        told = ""
        async with asyncio.timeout(60):
            async for event in answer.streaming_content:
                told += event.decode()
                if words in told:
                    return told
        return told

    return asyncio.run(read())


@pytest.mark.requirement("M-78")
def test_who_shapes_the_persona_reads_along(writing, alice, bob, visit):
    trial = writing.trial_run.trial

    for member in (alice, bob):
        told = heard(visit(member), trial.get_absolute_url(), WORDS)
        assert WORDS in told
        assert f'"ask": "{writing.public_id}"' in told


@pytest.mark.requirement("Q-40")
@pytest.mark.parametrize("where", ["list", "request"])
def test_the_queue_s_streams_tell_no_words(writing, staff, visit, where):
    address = "/queue/" if where == "list" else writing.get_absolute_url()

    told = heard(visit(staff), address)

    assert f'"ask": "{writing.public_id}"' in told
    assert WORDS not in told


@pytest.mark.requirement("Q-40")
@pytest.mark.fault("A-IDOR-1")
def test_a_stream_ends_for_whoever_no_longer_shapes_it(writing, alice, visit):
    client, trial = visit(alice), writing.trial_run.trial
    page = client.get(trial.get_absolute_url())
    PersonaOwner.objects.filter(user=alice).delete()
    address = re.search(r'data-stream="([^"]+)"', page.text)[1]
    request = RequestFactory().get(address)
    request.COOKIES = {name: morsel.value for name, morsel in client.cookies.items()}
    view = resolve(request.path)

    async def read() -> bytes:
        answer = await view.func(request, **view.kwargs)
        async with asyncio.timeout(60):
            return b"".join([event async for event in answer.streaming_content])

    assert asyncio.run(read()) == b"retry: 3000\n\n"
