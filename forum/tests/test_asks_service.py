"""Asking, and asking again for what failed."""

from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import AuditEvent, User
from core.errors import NotAllowed
from forum.errors import AIOffForYou, AskerGone, PersonaNotOffered, TopicLocked
from forum.models import Ask, Notice, SubforumPersona, Topic
from forum.services import asks
from forum.tests.conftest import finish
from llmconfig.models import AISettings, LLMConfig
from llmqueue import services as queue
from llmqueue.models import LLMRequest, Status
from personas.models import Persona
from personas.services.personas import delete_persona
from tests.races import start

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("fake_config"),
]


def again(ask: Ask, member: User) -> Ask:
    """Press "Ask again" under an ask that failed."""
    request = queue.retry(request=ask.request, member=member)
    return Ask.objects.select_related("request").get(request=request)


@pytest.mark.fault("F50")
@pytest.mark.requirement("F-58")
def test_one_press_of_the_button_is_one_ask(opening, alice, maestro):
    made = [
        asks.ask(post=opening, member=alice, persona=maestro, key="one")
        for _ in range(3)
    ]

    assert len({ask.pk for ask in made}) == 1
    assert LLMRequest.objects.count() == 1


def test_ask_refuses_a_locked_topic_and_writes_nothing(opening, alice, maestro):
    Topic.objects.update(is_locked=True)

    with pytest.raises(TopicLocked):
        asks.ask(post=opening, member=alice, persona=maestro)

    assert LLMRequest.objects.count() == 0


@pytest.mark.requirement("Q-40", "Q-56", "C-27")
def test_ask_refuses_a_persona_that_is_not_offered(opening, alice, maestro):
    SubforumPersona.objects.create(
        subforum=opening.topic.subforum, persona=Persona.objects.get(slug="writer")
    )

    with pytest.raises(PersonaNotOffered):
        asks.ask(post=opening, member=alice, persona=maestro)


@pytest.mark.requirement("Q-40", "F-54")
def test_a_place_whose_only_persona_is_gone_is_not_open_to_all(
    opening, alice, carol, make_persona, staff, fake_llm, maestro
):
    soupy = make_persona("soupy", owner=carol)
    SubforumPersona.objects.create(subforum=opening.topic.subforum, persona=soupy)
    waiting = asks.ask(post=opening, member=alice)
    delete_persona(persona=soupy, actor=carol)

    with pytest.raises(PersonaNotOffered):
        asks.ask(post=opening, member=alice, persona=maestro)
    LLMRequest.objects.filter(pk=waiting.request_id).update(persona=maestro)
    fake_llm.answers(text="Yes.")
    reply = finish(waiting).reply
    assert reply.persona_version.persona.is_fallback


def test_ask_refuses_while_ai_is_off_for_the_member(opening, alice, maestro):
    AISettings.objects.create(user=alice, ai_enabled=False)

    with pytest.raises(AIOffForYou):
        asks.ask(post=opening, member=alice, persona=maestro)


@pytest.mark.requirement("F-60")
def test_a_failed_ask_can_be_asked_again_once(opening, alice, bob, maestro, fake_llm):
    ask = asks.ask(post=opening, member=alice, persona=maestro)
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
    opening, alice, staff, maestro, fake_llm
):
    ask = asks.ask(post=opening, member=alice, persona=maestro)
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
    opening, bob, staff, maestro, fake_llm
):
    fake_llm.answers(status=401)
    failed = finish(asks.ask(post=opening, member=bob, persona=maestro))

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
    opening, alice, maestro, fake_llm
):
    fake_llm.answers(status=401)
    again(finish(asks.ask(post=opening, member=alice, persona=maestro)), alice)

    assert not AuditEvent.objects.exists()


def test_nothing_is_asked_again_for_a_former_member(
    opening, bob, staff, maestro, fake_llm
):
    fake_llm.answers(status=401)
    ask = finish(asks.ask(post=opening, member=bob, persona=maestro))
    LLMRequest.objects.filter(pk=ask.request_id).update(requested_by=None)
    ask.request.refresh_from_db()

    with pytest.raises(AskerGone):
        again(ask, staff)


def test_two_who_retry_at_the_same_moment_make_one_request(
    opening, alice, staff, maestro, fake_llm
):
    fake_llm.answers(status=401)
    ask = finish(asks.ask(post=opening, member=alice, persona=maestro))
    with transaction.atomic():
        Topic.objects.hold(opening.topic_id)
        presses = [start(partial(again, ask, member)) for member in (alice, staff)]

    made = [press.result(60) for press in presses]

    assert made[0] == made[1]
    assert LLMRequest.objects.count() == 2


def test_a_retry_keeps_what_was_chosen(opening, alice, maestro, fake_config, fake_llm):
    ask = asks.ask(post=opening, member=alice, persona=maestro)
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


def test_ask_is_quick_to_take_its_place(opening, alice, maestro):
    ask = asks.ask(post=opening, member=alice, persona=maestro)

    assert ask.request.created_at <= timezone.now()
    default = LLMConfig.objects.get(is_default=True)
    assert ask.request.lane.endpoint == default.endpoint
