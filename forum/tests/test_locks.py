"""What must happen one after the other, with real connections that wait."""

import threading

import pytest
from django.db import transaction

from core import markup
from forum.errors import TopicLocked
from forum.models import Ask, Post, Subforum, Topic
from forum.services import asks, posts
from llmqueue.models import LLMRequest, PromptPart, Status
from llmqueue.tests.limits import limit, taken
from llmqueue.work import freezing, runner
from personas.models import PersonaVersion
from personas.services.versions import erase_version
from tests.conftest import wait_until
from tests.races import start, wait_until_blocked

pytestmark = pytest.mark.django_db(transaction=True)
CANARY = "canary-of-the-hermit"


@pytest.fixture
def question(opening, fake_config) -> Post:
    return opening


def test_an_ask_waits_for_a_topic_that_is_being_locked(question, alice):
    with transaction.atomic():
        Topic.objects.filter(pk=question.topic_id).update(is_locked=True)
        asked = start(lambda: asks.ask(post=question, member=alice))
        wait_until_blocked(asked)

    with pytest.raises(TopicLocked):
        asked.result(60)

    assert not LLMRequest.objects.exists()


@pytest.mark.fault("F51")
def test_a_delivery_waits_for_a_topic_that_is_being_locked(
    question, alice, fake_llm, monkeypatch
):
    ask = asks.ask(post=question, member=alice)
    fake_llm.answers(text="Too late.")
    answered, is_held = threading.Event(), threading.Event()
    render = markup.render

    def wait_and_render(text: str) -> str:
        answered.set()
        assert is_held.wait(30)
        return render(text)

    monkeypatch.setattr(markup, "render", wait_and_render)
    delivered = start(runner.run_next)
    assert answered.wait(30)  # the first call loads LiteLLM

    with transaction.atomic():
        topic = Topic.objects.hold(question.topic_id)
        is_held.set()
        wait_until_blocked(delivered)
        Topic.objects.filter(pk=topic.pk).update(is_locked=True)
    delivered.result(60)

    ask.refresh_from_db()
    assert (ask.reply, ask.request.status) == (None, Status.CANCELLED)
    assert Post.objects.count() == 1


def test_a_text_deleted_while_a_prompt_is_built_is_in_no_stored_prompt(
    question, alice, bob, fake_llm, monkeypatch
):
    slip = posts.reply(parent=question, author=bob, body="A secret slip.")
    later = posts.reply(parent=question, author=alice, body="Well?")
    asks.ask(post=later, member=alice)
    build = freezing.prompts.build
    deletions = []

    def delete_meanwhile(**given):
        if "secret slip" in str(given["conversation"]) and not deletions:
            deletions.append(start(lambda: posts.delete_post(post=slip, actor=bob)))
            wait_until_blocked(deletions[-1])
        return build(**given)

    monkeypatch.setattr(freezing.prompts, "build", delete_meanwhile)

    runner.run_next()

    (deletion,) = deletions
    deletion.result(60)
    texts = PromptPart.objects.values_list("text", flat=True)
    assert not [text for text in texts if "secret slip" in text]


def test_two_prompts_are_made_of_one_topic_at_once(question, alice, bob, fake_llm):
    """What waits for one topic would otherwise be made ready one after the other."""
    for member in (alice, bob):
        asks.ask(post=question, member=member)
    with transaction.atomic():
        Topic.objects.hold_words(question.topic_id)
        asked = start(runner.run_next)
        wait_until(lambda: len(fake_llm.calls()) == 1)
    asked.result(60)

    assert runner.run_next()
    assert len(fake_llm.calls()) == 2


def test_a_deletion_does_not_forget_a_post_written_meanwhile(subforum, alice, bob):
    """The subforum's last topic is read after whoever is writing has written."""
    topics = [
        posts.create_topic(subforum=subforum, author=alice, title=title, body="x")
        for title in ("first", "second")
    ]
    victim = posts.reply(parent=topics[1].posts.get(), author=bob, body="to go")
    with transaction.atomic():
        posts.reply(parent=topics[0].posts.get(), author=alice, body="now")
        deletion = start(lambda: posts.delete_post(post=victim, actor=bob))
        wait_until_blocked(deletion)
    deletion.result(60)

    assert Subforum.objects.get().last_topic == topics[0]


@pytest.mark.fault("F51")
def test_a_deletion_that_waits_for_its_topic_holds_no_limit(question, alice, bob):
    """Whoever asks there holds the topic, and would wait for the limit in turn."""
    site = limit("site", requests=9)
    asks.ask(post=question, member=alice)
    with transaction.atomic():
        Topic.objects.hold(question.topic_id)
        deletion = start(lambda: posts.delete_post(post=question, actor=alice))
        wait_until_blocked(deletion)
        asks.ask(post=question, member=bob)
    deletion.result(30)

    assert taken(site) == {"reserved_requests": 1}  # bob's ends when its turn comes


def test_what_is_cancelled_together_is_cancelled_in_one_order(question, alice, bob):
    """Two that delete at once would otherwise wait for each other."""
    for _ in range(5):
        asks.ask(post=question, member=alice)
    requests = list(LLMRequest.objects.order_by("pk"))
    # The rows of the asks stand the other way round than those of the requests.
    Ask.objects.all().delete()
    for request in reversed(requests):
        Ask.objects.create(post=question, request=request)

    first, *others = [request.pk for request in requests]
    with transaction.atomic():
        LLMRequest.objects.select_for_update().get(pk=first)
        deletion = start(lambda: posts.delete_post(post=question, actor=alice))
        wait_until_blocked(deletion)
        later = LLMRequest.objects.filter(pk__in=others)
        assert len(later.select_for_update(nowait=True)) == len(others)
    deletion.result(30)

    assert not LLMRequest.objects.unfinished().exists()


def test_a_version_erased_before_the_topic_is_held_is_in_no_prompt(
    question, bob, make_persona, fake_llm
):
    hermit = make_persona("hermit", owner=bob, voice=CANARY)
    asks.ask(post=question, member=bob, persona=hermit)
    fake_llm.answers("Two hours.")
    with transaction.atomic():
        Topic.objects.hold(question.topic_id)
        asked = start(runner.run_next)
        wait_until_blocked(asked)
        erased = start(lambda: erase_version(version=hermit.current_version, actor=bob))
        erased.result(60)
    asked.result(60)

    assert not PromptPart.objects.filter(text__contains=CANARY).exists()
    assert CANARY not in str(fake_llm.calls())


def test_a_version_is_erased_after_the_prompt_that_is_made_of_it(bob, make_persona):
    version = make_persona("hermit", owner=bob).current_version
    with transaction.atomic():
        PersonaVersion.objects.hold_words(version.pk)
        erased = start(lambda: erase_version(version=version, actor=bob))
        wait_until_blocked(erased)
        assert not erased.done()

    erased.result(60)
