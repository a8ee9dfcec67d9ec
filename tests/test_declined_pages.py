"""A refusal in prose as readers see it: the note, and what the first model said."""

import pytest

from forum.services import asks, posts
from llmqueue.models import LLMRequest
from llmqueue.tests.conftest import run_until_quiet
from personas.models import Persona, Visibility
from tests.queue_pages import as_, page

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("Q-63", "R-92", "C-18", "O-39"),
]

NO = "As an AI language model, I cannot write about this soup."
FIRST = "What the first model said"


@pytest.fixture
def opening(topic):
    return topic.posts.get()


@pytest.fixture
def answered(second, opening, bob, fake_llm) -> LLMRequest:
    """Bob's request, that the first model declined and the second answered."""
    fake_llm.answers(NO)
    fake_llm.answers("Two hours.")
    return ask(opening, bob)


def ask(opening, member, **chosen) -> LLMRequest:
    request = asks.ask(post=opening, member=member, **chosen).request
    run_until_quiet()
    request.refresh_from_db()
    return request


def test_the_reply_says_that_another_model_answered(answered, topic):
    html = page(as_(None), topic.get_absolute_url())

    assert "Fake model declined; Second was asked instead." in html
    assert "Two hours." in html
    assert NO not in html


def test_readers_of_the_reply_find_what_the_first_model_said(answered):
    html = page(as_(None), answered.get_absolute_url())

    assert FIRST in html
    assert html.count(NO) == 1
    assert "Answered, but it reads like a refusal" in html


def test_what_was_said_first_goes_with_the_reply(answered, bob, staff):
    posts.delete_post(post=answered.ask.reply, actor=bob)

    for reader in (bob, staff, None):
        assert NO not in page(as_(reader), answered.get_absolute_url())


def test_the_words_of_a_private_persona_are_for_those_who_know_it(
    second, opening, bob, carol, fake_llm, make_persona
):
    """Though its reply was taken away again with its topic's other posts standing."""
    hermit = make_persona("hermit", owner=bob)
    fake_llm.answers(refusal=NO)
    fake_llm.always_answers(refusal="Nor can I.")
    request = ask(opening, bob, persona=hermit)
    Persona.objects.filter(pk=hermit.pk).update(visibility=Visibility.PRIVATE)

    assert NO in page(as_(bob), request.get_absolute_url())
    assert NO not in page(as_(carol), request.get_absolute_url())


def test_of_a_failed_request_only_who_asked_and_staff_read_it(
    fake_config, opening, bob, carol, staff, fake_llm
):
    fake_llm.answers(refusal=NO)
    request = ask(opening, bob)

    address = request.get_absolute_url()
    assert [NO in page(as_(it), address) for it in (bob, staff, carol, None)] == [
        True,
        True,
        False,
        False,
    ]


def test_without_a_fallback_it_is_posted_and_its_page_says_how_it_reads(
    fake_config, opening, topic, bob, fake_llm
):
    fake_llm.answers(NO)
    request = ask(opening, bob)

    html = page(as_(bob), topic.get_absolute_url())
    assert NO in html
    assert "declined" not in html
    assert "Answered, but it reads like a refusal" in page(
        as_(bob), request.get_absolute_url()
    )


def test_when_both_decline_the_receipt_is_that_of_the_words_posted(
    second, opening, topic, bob, fake_llm
):
    fake_llm.answers(NO)
    fake_llm.answers("I can't assist with that request.")
    request = ask(opening, bob)

    html = page(as_(None), topic.get_absolute_url())
    assert NO in html
    assert "Companion v1 · Fake model" in html
    assert "was asked instead" not in html
    whole = page(as_(None), request.get_absolute_url())
    assert FIRST not in whole
    assert "with Fake model" in whole


@pytest.mark.requirement("R-103")
def test_a_failed_request_says_what_is_done_about_it(
    fake_config, opening, bob, fake_llm
):
    fake_llm.always_answers(status=503)
    request = ask(opening, bob)

    html = page(as_(bob), request.get_absolute_url())
    assert "the same model is called up to 3 times, then the fallback is asked" in html
