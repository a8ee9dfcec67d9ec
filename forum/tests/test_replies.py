"""The whole path of a reply, from the ask to the post, with the fake provider."""

import re
from functools import partial

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import AuditEvent, User
from core.errors import NotAllowed
from forum.errors import AINotAvailable, AskerGone, PersonaNotOffered, TopicLocked
from forum.models import Ask, Notice, Post, SubforumPersona, Topic
from forum.services import asks, posts
from llmconfig.models import AISettings
from llmqueue import handlers, runner
from llmqueue import services as queue
from llmqueue.errors import Refused
from llmqueue.models import LLMAttempt, LLMRequest, PromptPart, Status
from personas.models import Persona, Visibility
from personas.services.personas import delete_persona
from tests.races import run_while, start

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def maestro(fake_config) -> Persona:
    return Persona.objects.get(slug="maestro")


@pytest.fixture
def question(alice, subforum) -> Post:
    topic = posts.create_topic(
        subforum=subforum, author=alice, title="Soup", body="How long does it simmer?"
    )
    return topic.posts.get()


def finish(ask: Ask) -> Ask:
    runner.run_next()
    ask.refresh_from_db()
    ask.request.refresh_from_db()
    return ask


def again(ask: Ask, member: User) -> Ask:
    """Press "Ask again" under an ask that failed."""
    request = queue.retry(request=ask.request, member=member)
    return Ask.objects.select_related("request").get(request=request)


@pytest.mark.requirement("F-11", "F-12", "F-57", "M-69", "Q-48", "D-38", "O-61")
def test_a_reply_stands_under_the_post_it_answers(question, alice, maestro, fake_llm):
    fake_llm.answers(text="About **two hours**.")

    ask = finish(asks.ask(post=question, member=alice, persona=maestro))

    reply = ask.reply
    assert ask.request.status == Status.COMPLETE
    assert (reply.topic_id, reply.parent_number) == (question.topic_id, 1)
    assert reply.path.startswith(question.path)
    assert reply.persona_version == maestro.current_version
    assert "<strong>two hours</strong>" in reply.html
    topic = Topic.objects.get(pk=question.topic_id)
    assert (topic.posts_count, topic.last_post) == (2, reply)
    assert topic.subforum.posts_count == 2


@pytest.mark.requirement("F-58", "M-66", "M-67", "M-68")
def test_a_post_gets_a_reply_of_each_persona_that_is_asked(
    question, alice, maestro, fake_llm
):
    writer = Persona.objects.get(slug="writer")

    first = finish(asks.ask(post=question, member=alice, persona=maestro))
    second = finish(asks.ask(post=question, member=alice, persona=writer))
    third = finish(asks.ask(post=first.reply, member=alice, persona=writer))

    assert first.reply.parent_number == second.reply.parent_number == 1
    assert third.reply.parent_number == first.reply.number
    wrote = [it.reply.persona_version.persona for it in (first, second, third)]
    assert wrote == [maestro, writer, writer]


@pytest.mark.fault("F50")
@pytest.mark.requirement("F-58")
def test_one_press_of_the_button_is_one_ask(question, alice, maestro):
    made = [
        asks.ask(post=question, member=alice, persona=maestro, key="one")
        for _ in range(3)
    ]

    assert len({ask.pk for ask in made}) == 1
    assert LLMRequest.objects.count() == 1


@pytest.mark.requirement("C-28", "B2")
def test_a_reply_that_names_personas_starts_nothing(question, alice, maestro, fake_llm):
    fake_llm.answers(text="@writer and @maestro, please answer this too.")

    finish(asks.ask(post=question, member=alice, persona=maestro))

    assert LLMRequest.objects.count() == 1


@pytest.mark.requirement("O-31", "R-45")
def test_the_prompt_holds_the_line_of_posts_and_the_question_once(
    question, alice, bob, maestro, fake_llm
):
    under = posts.reply(parent=question, author=bob, body="I would say one hour.")
    posts.reply(parent=question, author=bob, body="A side remark.")
    last = posts.reply(parent=under, author=alice, body="Are you sure?")

    finish(asks.ask(post=last, member=alice, persona=maestro))

    text = fake_llm.calls()[0].body["messages"][-1]["content"]
    assert text.count("Are you sure?") == 1
    order = ["How long", "one hour", "side remark", "Are you sure?"]
    assert sorted(order, key=text.index) == order


def test_deleted_posts_are_not_shown_to_the_model(
    question, alice, bob, maestro, fake_llm
):
    gone = posts.reply(parent=question, author=bob, body="A secret slip.")
    posts.delete_post(post=gone, actor=bob)
    last = posts.reply(parent=question, author=alice, body="Well?")

    finish(asks.ask(post=last, member=alice, persona=maestro))

    assert "secret slip" not in str(fake_llm.calls()[0].body)


def test_deleting_a_post_blanks_it_in_stored_prompts_and_answers(
    question, alice, maestro, fake_llm
):
    fake_llm.answers(text="A dubious answer.")
    reply = finish(asks.ask(post=question, member=alice, persona=maestro)).reply
    finish(asks.ask(post=reply, member=alice, persona=maestro))

    posts.delete_post(post=reply, actor=alice)
    posts.delete_post(post=question, actor=alice)

    texts = PromptPart.objects.values_list("text", flat=True)
    assert not [text for text in texts if "simmer" in text or "dubious" in text]
    answers = LLMAttempt.objects.values_list("answer", flat=True)
    assert "A dubious answer." not in answers


def delete(question, alice, maestro):
    posts.delete_post(post=question, actor=alice)


def lock(question, alice, maestro):
    Topic.objects.filter(pk=question.topic_id).update(is_locked=True)


def deactivate(question, alice, maestro):
    type(alice).objects.filter(pk=alice.pk).update(is_active=False)


def switch_off(question, alice, maestro):
    AISettings.objects.update_or_create(user=alice, defaults={"ai_enabled": False})


CHANGES = [delete, lock, deactivate, switch_off]


@pytest.mark.fault("F51", "F55")
@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_while_waiting_cancels(question, alice, maestro, fake_llm, change):
    ask = asks.ask(post=question, member=alice, persona=maestro)
    change(question, alice, maestro)

    ask = finish(ask)

    assert ask.request.status == Status.CANCELLED
    assert ask.request.error_message
    assert ask.reply is None
    assert fake_llm.calls() == []


@pytest.mark.fault("F51", "F53", "F55")
@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_while_writing_discards_the_answer(
    question, alice, maestro, fake_llm, change
):
    ask = asks.ask(post=question, member=alice, persona=maestro)
    fake_llm.answers(text="Too late.", first_delay=0.5)

    run_while(fake_llm, lambda: change(question, alice, maestro))

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
    question, alice, maestro, fake_llm, loss
):
    ask = asks.ask(post=question, member=alice, persona=maestro)
    Persona.objects.filter(pk=maestro.pk).update(**loss)

    ask = finish(ask)

    assert ask.reply.persona_version.persona.is_fallback
    assert "Companion" in ask.request.attempts.get().receipt["notes"][0]


@pytest.mark.fault("F53")
def test_a_persona_lost_while_writing_is_discarded(question, alice, maestro, fake_llm):
    ask = asks.ask(post=question, member=alice, persona=maestro)
    fake_llm.answers(text="Too late.", first_delay=0.5)

    def lose() -> None:
        Persona.objects.filter(pk=maestro.pk).update(is_active=False, handle=None)

    run_while(fake_llm, lose)

    ask.request.refresh_from_db()
    assert ask.request.error_class == "persona_gone"
    assert Post.objects.count() == 1


def test_ask_refuses_a_locked_topic_and_writes_nothing(question, alice, maestro):
    Topic.objects.update(is_locked=True)

    with pytest.raises(TopicLocked):
        asks.ask(post=question, member=alice, persona=maestro)

    assert LLMRequest.objects.count() == 0


@pytest.mark.requirement("Q-40", "Q-56", "C-27")
def test_ask_refuses_a_persona_that_is_not_offered(question, alice, maestro):
    SubforumPersona.objects.create(
        subforum=question.topic.subforum, persona=Persona.objects.get(slug="writer")
    )

    with pytest.raises(PersonaNotOffered):
        asks.ask(post=question, member=alice, persona=maestro)


@pytest.mark.requirement("Q-40", "F-54")
def test_a_place_whose_only_persona_is_gone_is_not_open_to_all(
    question, alice, carol, make_persona, staff, fake_llm, maestro
):
    soupy = make_persona("soupy", owner=carol)
    SubforumPersona.objects.create(subforum=question.topic.subforum, persona=soupy)
    waiting = asks.ask(post=question, member=alice)
    delete_persona(persona=soupy, actor=carol)

    with pytest.raises(PersonaNotOffered):
        asks.ask(post=question, member=alice, persona=maestro)
    LLMRequest.objects.filter(pk=waiting.request_id).update(persona=maestro)
    fake_llm.answers(text="Yes.")
    reply = finish(waiting).reply
    assert reply.persona_version.persona.is_fallback


def test_ask_refuses_while_ai_is_off_for_the_member(question, alice, maestro):
    AISettings.objects.create(user=alice, ai_enabled=False)

    with pytest.raises(AINotAvailable):
        asks.ask(post=question, member=alice, persona=maestro)


@pytest.mark.requirement("F-60")
def test_a_failed_ask_can_be_asked_again_once(question, alice, bob, maestro, fake_llm):
    ask = asks.ask(post=question, member=alice, persona=maestro)
    fake_llm.answers(status=401)
    ask = finish(ask)
    assert ask.request.status == Status.ERROR

    with pytest.raises(NotAllowed):
        again(ask, bob)
    second = again(ask, alice)

    assert again(ask, alice) == second
    assert second.request.retry_of == ask.request
    assert second.request.persona == maestro


def test_asker_and_staff_retry_a_failed_ask_together_once(
    question, alice, staff, maestro, fake_llm
):
    ask = asks.ask(post=question, member=alice, persona=maestro)
    fake_llm.answers(status=401)
    ask = finish(ask)

    by_staff = again(ask, staff)

    assert again(ask, alice) == by_staff
    assert again(ask, staff) == by_staff
    fake_llm.answers(status=401)
    finish(by_staff)
    third = again(by_staff, staff)  # a retried retry
    assert third.request.retry_of == by_staff.request


@pytest.mark.requirement("F-60")
def test_what_staff_ask_again_is_the_askers_and_that_they_did_is_recorded(
    question, bob, staff, maestro, fake_llm
):
    fake_llm.answers(status=401)
    failed = finish(asks.ask(post=question, member=bob, persona=maestro))

    second = again(failed, staff)
    again(failed, staff)

    assert second.request.requested_by == bob
    event = AuditEvent.objects.get(action="request asked_again")
    assert (event.actor, event.subject_key) == (staff, str(second.request.public_id))
    assert event.detail == {"instead_of": str(failed.request.public_id)}
    fake_llm.answers(text="Yes.")
    finish(second)
    assert Notice.objects.get(ask=second).user == bob


def test_nothing_is_recorded_of_who_asks_again_for_themselves(
    question, alice, maestro, fake_llm
):
    fake_llm.answers(status=401)
    again(finish(asks.ask(post=question, member=alice, persona=maestro)), alice)

    assert not AuditEvent.objects.exists()


def test_nothing_is_asked_again_for_a_former_member(
    question, bob, staff, maestro, fake_llm
):
    fake_llm.answers(status=401)
    ask = finish(asks.ask(post=question, member=bob, persona=maestro))
    LLMRequest.objects.filter(pk=ask.request_id).update(requested_by=None)
    ask.request.refresh_from_db()

    with pytest.raises(AskerGone):
        again(ask, staff)


def test_two_who_retry_at_the_same_moment_make_one_request(
    question, alice, staff, maestro, fake_llm
):
    fake_llm.answers(status=401)
    ask = finish(asks.ask(post=question, member=alice, persona=maestro))
    with transaction.atomic():
        Topic.objects.hold(question.topic_id)
        presses = [start(partial(again, ask, member)) for member in (alice, staff)]

    made = [press.result(30) for press in presses]

    assert made[0] == made[1]
    assert LLMRequest.objects.count() == 2


def test_a_retry_keeps_what_was_chosen(question, alice, maestro, fake_config, fake_llm):
    ask = asks.ask(post=question, member=alice, persona=maestro)
    chosen = {
        "config": fake_config,
        "endpoint": fake_config.endpoint,
        "mode": "coaching",
    }
    LLMRequest.objects.filter(pk=ask.request_id).update(**chosen)
    fake_llm.answers(status=401)
    ask = finish(Ask.objects.get())

    request = again(ask, alice).request

    assert {name: getattr(request, name) for name in chosen} == chosen
    assert request.persona == maestro


@pytest.mark.requirement("O-32")
def test_the_model_is_told_who_wrote_what_by_handle_and_the_title_as_theirs(
    question, alice, bob, maestro, fake_llm
):
    bob.display_name = "alice"
    bob.save()
    last = posts.reply(parent=question, author=bob, body="Are you sure?")

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
    question, alice, maestro, fake_llm
):
    asks.ask(post=question, member=alice, persona=maestro)
    fake_llm.answers(text="Yes.", first_delay=0.5)
    connection.close()
    quiet, during = lent_connections(), []

    run_while(fake_llm, lambda: during.append(lent_connections()))

    assert during == [quiet]


def lent_connections():
    """How many of the pool's connections somebody has; idle ones count too."""
    stats = connection.pool.get_stats()
    return stats["pool_size"] - stats["pool_available"]


def test_ask_is_quick_to_take_its_place(question, alice, maestro):
    ask = asks.ask(post=question, member=alice, persona=maestro)

    assert ask.request.created_at <= timezone.now()
    assert ask.request.lane.endpoint == maestro_endpoint()


def maestro_endpoint():
    from llmconfig.models import LLMConfig

    return LLMConfig.objects.get(is_default=True).endpoint


def test_no_more_of_the_conversation_is_read_than_may_be_shown(
    question, alice, bob, maestro
):
    post, beside = question, []
    for number in range(5):
        beside.append(posts.reply(parent=question, author=bob, body=f"Aside {number}"))
        post = posts.reply(parent=post, author=alice, body=f"Deeper {number}")
    request = asks.ask(post=post, member=alice, persona=maestro).request
    handler = handlers.handler_for(request)

    def shown(most_passages: int) -> list[str]:
        with transaction.atomic():
            said = handler.messages(request, most_passages=most_passages)
        return [passage.text for passage in said.passages]

    above = [f"Deeper {number}" for number in (3, 2, 1, 0)]
    assert shown(0) == [question.body]
    assert shown(2) == [*above[:2], question.body]
    assert shown(7) == [*above, question.body, "Aside 4", "Aside 3"]


def test_a_reply_whose_ask_is_gone_ends_as_cancelled(
    question, alice, maestro, fake_llm
):
    ask = asks.ask(post=question, member=alice, persona=maestro)
    request = ask.request
    ask.delete()

    runner.run_next()

    request.refresh_from_db()
    assert (request.status, request.error_class) == (Status.CANCELLED, "gone")
    assert fake_llm.calls() == []


def test_a_reply_whose_ask_goes_while_it_is_written_ends_as_cancelled(
    question, alice, maestro, fake_llm
):
    ask = asks.ask(post=question, member=alice, persona=maestro)
    request = ask.request
    fake_llm.answers(text="Too late.", first_delay=0.5)

    run_while(fake_llm, ask.delete)

    request.refresh_from_db()
    assert (request.status, request.error_class) == (Status.CANCELLED, "gone")
    with pytest.raises(Refused):
        queue.retry(request=request, member=alice)
