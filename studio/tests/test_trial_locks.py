"""A try and a deletion of the post it answers, with real connections that wait."""

import pytest
from django.db import transaction

from forum.models import Topic
from forum.services import posts
from llmconfig.models import Endpoint, LLMConfig
from llmconfig.services.keys import encrypt_site_key
from llmqueue.limits.fitting import OWN_KEY
from llmqueue.models import LLMRequest, PromptPart, SpendBucket, Status
from llmqueue.tests.limits import limit, taken
from llmqueue.work import runner
from studio.services import trials
from studio.tests.conftest import CANARY
from tests.own_keys import bring_key
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
    tried.result(60)

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
    tried.result(60)

    [call] = fake_llm.calls()
    assert "Is it warm?" in str(call.body)
    assert f"{CANARY}-of-bob" not in str(call.body)


@pytest.fixture
def own_model(alice, fake_config) -> LLMConfig:
    """A model that alice's own key pays for, beside the site's."""
    at = fake_config.endpoint.address
    endpoint = Endpoint.objects.create(
        name="Hers",
        provider="compatible",
        api_base=at,
        site_key=encrypt_site_key("sk-the-site-s-own-key", address=at),
    )
    bring_key(alice, endpoint, "sk-the-own-key-of-alice-1234")
    return LLMConfig.objects.create(
        name="Hers", endpoint=endpoint, model="fake-2", is_global=True
    )


@pytest.mark.requirement("M-29", "O-47")
def test_two_trials_with_own_and_site_keys_end_whatever_their_order(
    draft, alice, fake_config, own_model
):
    site = limit("site", requests=99)
    limit("tier", OWN_KEY, requests=99)

    def begin(*models: LLMConfig) -> None:
        trials.begin_trial(tester=alice, chosen=draft, configs=models)

    begin(fake_config, own_model)
    with transaction.atomic():
        SpendBucket.objects.select_for_update().get(limit=site)
        one = start(lambda: begin(fake_config, own_model))
        wait_until_blocked(one)
        two = start(lambda: begin(own_model, fake_config))
        wait_until_blocked(one, two)
    one.result(60)
    two.result(60)

    assert taken(site) == {"reserved_requests": 3}
    assert LLMRequest.objects.count() == 6
