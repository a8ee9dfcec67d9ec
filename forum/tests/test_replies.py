"""The whole path of a reply, from the ask to the post, with the fake provider."""

import re

import pytest
from django.db import connection, transaction

from forum.models import Post, Topic
from forum.services import asks, posts
from forum.tests.conftest import finish
from llmconfig.models import AISettings
from llmqueue import handlers
from llmqueue import services as queue
from llmqueue.errors import Refused
from llmqueue.models import LLMAttempt, LLMRequest, PromptPart, Status
from llmqueue.work import runner
from personas.models import Persona, Visibility
from tests.conftest import wait_until
from tests.races import run_while

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("fake_config"),
]


@pytest.mark.requirement("F-11", "F-12", "F-57", "M-69", "Q-48", "D-38", "O-61")
def test_a_reply_stands_under_the_post_it_answers(opening, alice, maestro, fake_llm):
    fake_llm.answers(text="About **two hours**.")

    ask = finish(asks.ask(post=opening, member=alice, persona=maestro))

    reply = ask.reply
    assert ask.request.status == Status.COMPLETE
    assert (reply.topic_id, reply.parent_number) == (opening.topic_id, 1)
    assert reply.path.startswith(opening.path)
    assert reply.persona_version == maestro.current_version
    assert "<strong>two hours</strong>" in reply.html
    topic = Topic.objects.get(pk=opening.topic_id)
    assert (topic.posts_count, topic.last_post) == (2, reply)
    assert topic.subforum.posts_count == 2


@pytest.mark.requirement("F-58", "M-66", "M-67", "M-68")
def test_a_post_gets_a_reply_of_each_persona_that_is_asked(
    opening, alice, maestro, fake_llm
):
    writer = Persona.objects.get(slug="writer")

    first = finish(asks.ask(post=opening, member=alice, persona=maestro))
    second = finish(asks.ask(post=opening, member=alice, persona=writer))
    third = finish(asks.ask(post=first.reply, member=alice, persona=writer))

    assert first.reply.parent_number == second.reply.parent_number == 1
    assert third.reply.parent_number == first.reply.number
    wrote = [it.reply.persona_version.persona for it in (first, second, third)]
    assert wrote == [maestro, writer, writer]


@pytest.mark.requirement("C-28", "B2")
def test_a_reply_that_names_personas_starts_nothing(opening, alice, maestro, fake_llm):
    fake_llm.answers(text="@writer and @maestro, please answer this too.")

    finish(asks.ask(post=opening, member=alice, persona=maestro))

    assert LLMRequest.objects.count() == 1


@pytest.mark.requirement("O-31", "R-45")
def test_the_prompt_holds_the_line_of_posts_and_the_question_once(
    opening, alice, bob, maestro, fake_llm
):
    under = posts.reply(parent=opening, author=bob, body="I would say one hour.")
    posts.reply(parent=opening, author=bob, body="A side remark.")
    last = posts.reply(parent=under, author=alice, body="Are you sure?")

    finish(asks.ask(post=last, member=alice, persona=maestro))

    text = fake_llm.calls()[0].body["messages"][-1]["content"]
    assert text.count("Are you sure?") == 1
    order = ["How long", "one hour", "side remark", "Are you sure?"]
    assert sorted(order, key=text.index) == order


def test_deleted_posts_are_not_shown_to_the_model(
    opening, alice, bob, maestro, fake_llm
):
    gone = posts.reply(parent=opening, author=bob, body="A secret slip.")
    posts.delete_post(post=gone, actor=bob)
    last = posts.reply(parent=opening, author=alice, body="Well?")

    finish(asks.ask(post=last, member=alice, persona=maestro))

    assert "secret slip" not in str(fake_llm.calls()[0].body)


def test_deleting_a_post_blanks_it_in_stored_prompts_and_answers(
    opening, alice, maestro, fake_llm
):
    fake_llm.answers(text="A dubious answer.")
    reply = finish(asks.ask(post=opening, member=alice, persona=maestro)).reply
    finish(asks.ask(post=reply, member=alice, persona=maestro))

    posts.delete_post(post=reply, actor=alice)
    posts.delete_post(post=opening, actor=alice)

    texts = PromptPart.objects.values_list("text", flat=True)
    assert not [text for text in texts if "simmer" in text or "dubious" in text]
    answers = LLMAttempt.objects.values_list("answer", flat=True)
    assert "A dubious answer." not in answers


def delete(opening, alice, maestro):
    posts.delete_post(post=opening, actor=alice)


def lock(opening, alice, maestro):
    Topic.objects.filter(pk=opening.topic_id).update(is_locked=True)


def deactivate(opening, alice, maestro):
    type(alice).objects.filter(pk=alice.pk).update(is_active=False)


def switch_off(opening, alice, maestro):
    AISettings.objects.update_or_create(user=alice, defaults={"ai_enabled": False})


CHANGES = [delete, lock, deactivate, switch_off]


@pytest.mark.fault("F51", "F55")
@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_while_waiting_cancels(opening, alice, maestro, fake_llm, change):
    ask = asks.ask(post=opening, member=alice, persona=maestro)
    change(opening, alice, maestro)

    ask = finish(ask)

    assert ask.request.status == Status.CANCELLED
    assert ask.request.error_message
    assert ask.reply is None
    assert fake_llm.calls() == []


@pytest.mark.fault("F51", "F53", "F55")
@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_while_writing_discards_the_answer(
    opening, alice, maestro, fake_llm, change
):
    ask = asks.ask(post=opening, member=alice, persona=maestro)
    fake_llm.answers(text="Too late.")

    run_while(fake_llm, lambda: change(opening, alice, maestro))

    ask.refresh_from_db()
    assert ask.request.status == Status.CANCELLED
    assert ask.reply is None
    assert not Post.objects.filter(body="Too late.").exists()
    assert ask.request.attempts.count() == 1


@pytest.mark.fault("F53")
@pytest.mark.requirement("F-54")
@pytest.mark.parametrize(
    "loss",
    [{"is_active": False, "handle": None}, {"visibility": Visibility.PRIVATE}],
    ids=str,
)
def test_a_persona_lost_while_waiting_is_replaced_with_a_notice(
    opening, alice, maestro, fake_llm, loss
):
    ask = asks.ask(post=opening, member=alice, persona=maestro)
    Persona.objects.filter(pk=maestro.pk).update(**loss)

    ask = finish(ask)

    assert ask.reply.persona_version.persona.is_fallback
    assert "Companion" in ask.request.attempts.get().receipt["notes"][0]


@pytest.mark.fault("F53")
def test_a_persona_lost_while_writing_is_discarded(opening, alice, maestro, fake_llm):
    ask = asks.ask(post=opening, member=alice, persona=maestro)
    fake_llm.answers(text="Too late.")

    def lose() -> None:
        Persona.objects.filter(pk=maestro.pk).update(is_active=False, handle=None)

    run_while(fake_llm, lose)

    ask.request.refresh_from_db()
    assert ask.request.error_class == "persona_gone"
    assert Post.objects.count() == 1


@pytest.mark.requirement("O-32")
def test_the_model_is_told_who_wrote_what_by_handle_and_the_title_as_theirs(
    opening, alice, bob, maestro, fake_llm
):
    bob.display_name = "alice"
    bob.save()
    last = posts.reply(parent=opening, author=bob, body="Are you sure?")

    finish(asks.ask(post=last, member=alice, persona=maestro))

    system, user = fake_llm.calls()[0].body["messages"]
    blocks = re.findall(r"<(post-\w+)( [^>]+)?>\n(.*?)\n</\1>", user["content"])
    assert [(by, text) for _, by, text in blocks] == [
        (' by="@alice"', "How long does it simmer?"),
        (' by="@bob" topic="Soup"', "Are you sure?"),
    ]
    assert "Soup" not in system["content"]


@pytest.mark.requirement("F-56")
@pytest.mark.fault("F24")
def test_no_connection_is_held_while_the_model_is_called(
    opening, alice, maestro, fake_llm
):
    asks.ask(post=opening, member=alice, persona=maestro)
    fake_llm.answers(text="Yes.")
    connection.close()
    quiet = lent_connections()

    run_while(fake_llm, lambda: wait_until(lambda: lent_connections() == quiet))


def lent_connections():
    """How many of the pool's connections somebody has; idle ones count too."""
    stats = connection.pool.get_stats()
    return stats["pool_size"] - stats["pool_available"]


def test_no_more_of_the_conversation_is_read_than_may_be_shown(
    opening, alice, bob, maestro
):
    post, beside = opening, []
    for number in range(5):
        beside.append(posts.reply(parent=opening, author=bob, body=f"Aside {number}"))
        post = posts.reply(parent=post, author=alice, body=f"Deeper {number}")
    request = asks.ask(post=post, member=alice, persona=maestro).request
    handler = handlers.handler_for(request)

    def shown(most_passages: int) -> list[str]:
        with transaction.atomic():
            said = handler.messages(request, most_passages=most_passages)
        return [passage.text for passage in said.passages]

    above = [f"Deeper {number}" for number in (3, 2, 1, 0)]
    assert shown(0) == [opening.body]
    assert shown(2) == [*above[:2], opening.body]
    assert shown(7) == [*above, opening.body, "Aside 4", "Aside 3"]


def test_a_reply_whose_ask_is_gone_ends_as_cancelled(opening, alice, maestro, fake_llm):
    ask = asks.ask(post=opening, member=alice, persona=maestro)
    request = ask.request
    ask.delete()

    runner.run_next()

    request.refresh_from_db()
    assert (request.status, request.error_class) == (Status.CANCELLED, "gone")
    assert fake_llm.calls() == []


def test_a_reply_whose_ask_goes_while_it_is_written_ends_as_cancelled(
    opening, alice, maestro, fake_llm
):
    ask = asks.ask(post=opening, member=alice, persona=maestro)
    request = ask.request
    fake_llm.answers(text="Too late.")

    run_while(fake_llm, ask.delete)

    request.refresh_from_db()
    assert (request.status, request.error_class) == (Status.CANCELLED, "gone")
    with pytest.raises(Refused):
        queue.retry(request=request, member=alice)
