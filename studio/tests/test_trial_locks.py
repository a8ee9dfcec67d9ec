"""A try and a deletion of the post it answers, with real connections that wait."""

import pytest
from django.db import transaction

from forum.models import Topic
from forum.services import posts
from llmqueue.models import LLMRequest, PromptPart, Status
from llmqueue.work import runner
from studio.services import trials
from studio.tests.conftest import CANARY
from tests.races import start, wait_until_blocked

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def post(draft, question, bob, fake_config):
    """bob's, which alice's draft is tried on."""
    made = posts.reply(parent=question, author=bob, body=f"{CANARY}-of-bob")
    trials.begin_trial(
        tester=draft.editor, chosen=draft, configs=[fake_config], post=made
    )
    return made


def test_a_post_deleted_before_the_topic_is_held_is_in_no_prompt(post, bob, fake_llm):
    with transaction.atomic():
        Topic.objects.hold(post.topic_id)
        tried = start(runner.run_next)
        wait_until_blocked(tried)
        posts.delete_post(post=post, actor=bob)
    tried.result(30)

    request = LLMRequest.objects.get()
    assert (request.status, request.error_class) == (Status.CANCELLED, "gone")
    assert not PromptPart.objects.filter(text__contains=f"{CANARY}-of-bob").exists()
    assert fake_llm.calls() == []


def test_a_post_edited_before_the_topic_is_held_is_sent_as_it_is_now(
    post, bob, fake_llm
):
    fake_llm.answers("Yes.")
    with transaction.atomic():
        Topic.objects.hold(post.topic_id)
        tried = start(runner.run_next)
        wait_until_blocked(tried)
        posts.edit_post(post=post, editor=bob, body="Is it warm?")
    tried.result(30)

    [call] = fake_llm.calls()
    assert "Is it warm?" in str(call.body)
    assert f"{CANARY}-of-bob" not in str(call.body)
