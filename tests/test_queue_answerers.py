"""Who the queue's pages say will answer: what the worker would do this moment."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from forum.services import asks
from llmconfig.models import LLMConfig
from llmqueue.models import LLMRequest
from llmqueue.work import runner, sweeper
from personas.models import Persona
from tests.queue_pages import LIST, as_, page

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("C-07", "F-24")]


def test_what_waits_for_its_fallback_names_that(opening, bob, second, fake_llm):
    fake_llm.answers(status=404)
    request = asks.ask(post=opening, member=bob).request
    runner.run_next()

    html = page(as_(bob))
    whole = page(as_(bob), request.get_absolute_url())

    for shown in (html, whole):
        assert "Will answer as <b>Companion v1</b> with Second" in shown
        assert "with Fake model" not in shown
    assert "Fake model failed; Second was asked instead." in whole


def test_a_fallback_that_cannot_serve_is_told_with_the_first_reason(
    opening, bob, second, fake_llm
):
    fake_llm.answers(status=404)
    asks.ask(post=opening, member=bob)
    runner.run_next()
    second.owner, second.is_global = opening.author, False
    second.save()

    html = page(as_(bob))

    assert "Will not answer as things stand: <b>Companion</b>" in html
    assert "HTTP 404" in html


def test_many_on_their_fallback_cost_what_one_does(
    opening, bob, alice, second, fake_llm
):
    fake_llm.always_answers("", status=404)
    counts = []
    for member in (bob, alice, bob, alice):
        asks.ask(post=opening, member=member)
        runner.run_next()
        later = timezone.now() + timedelta(hours=1)
        LLMRequest.objects.update(is_ready=False, not_before=later)
        counts.append(queries_of_the_list())

    assert LLMRequest.objects.filter(fallback_config=second).count() == 4
    assert counts[0] == counts[-1]


@pytest.fixture
def paid(opening, bob, fake_config, fake_llm, monkeypatch) -> LLMRequest:
    """A request whose worker was lost between the answer and the post."""
    fake_llm.answers(text="Paid.")
    request = asks.ask(post=opening, member=bob).request
    with monkeypatch.context() as patch:
        patch.setattr("llmqueue.work.outcomes.conclude", lambda *_: None)
        runner.run_next()
    LLMRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    sweeper.sweep()
    return request


def test_an_answer_that_waits_to_be_posted_keeps_who_gave_it(paid, fake_config, bob):
    LLMConfig.objects.update(is_default=False)
    LLMConfig.objects.create(
        name="Newcomer",
        model="fake-3",
        endpoint=fake_config.endpoint,
        is_global=True,
        is_default=True,
    )

    html = page(as_(bob))

    assert "Has answered as <b>Companion v1</b> with Fake model" in html
    assert "Newcomer" not in html


def test_without_any_model_many_cost_what_one_does(opening, bob):
    asks.ask(post=opening, member=bob)
    one = queries_of_the_list()
    for persona in Persona.objects.all():
        asks.ask(post=opening, member=bob, persona=persona)

    assert queries_of_the_list() == one
    assert "No model is set up here yet." in page(as_(None))


def queries_of_the_list() -> int:
    """How many queries the queue's page costs a guest."""
    client = as_(None)
    with CaptureQueriesContext(connection) as queries:
        page(client, LIST)
    return len(queries)
