"""What a private persona is told stays with those who shape it, wherever others look."""

import logging

import pytest
from django.test import Client

from forum.models import Ask, SubforumPersona
from forum.services import asks, posts
from llmconfig.models import Endpoint
from llmqueue import services as queue
from llmqueue.work import runner
from personas.definitions import MOST_CHARS
from personas.models import Persona, Visibility
from personas.services import drafts, versions
from tests.safety.conftest import Stage
from tests.safety.routes import all_routes

pytestmark = pytest.mark.django_db

CANARY = "canary-4f0a"


def tell(persona: Persona) -> None:
    """Put the canary into every text of a version, and of a draft after it."""
    assert persona.created_by is not None
    for number in range(1, 3):
        draft = drafts.draft_of(persona=persona, editor=persona.created_by)
        drafts.save_draft(
            draft=draft,
            **dict.fromkeys(MOST_CHARS, CANARY),
            **{name: [CANARY] for name in ("knowledge", "gaps", "constraints")},
            sample_queries=[{"query": CANARY, "answer": CANARY}],
        )
        if number == 1:
            persona.current_version = versions.publish(draft=draft, note=CANARY)


def search(stage: Stage, *actors: str) -> tuple[list[str], int]:
    """Where these actors read the canary, and at how many addresses they looked."""
    told, looked = [], 0
    for actor in actors:
        for route in all_routes():
            for address in stage.addresses_of(route):
                answer = stage.clients[actor].get(address, follow=True)
                looked += 1
                if not answer.streaming and CANARY.encode() in answer.content:
                    told.append(f"{actor} {address}")
    return told, looked


def put_on(stage: Stage, name: str, ask: Ask) -> str:
    """Let the ask be among the stage's objects; the address of its request."""
    stage.objects[f"{name}-request"] = {"request_id": ask.request.public_id}
    stage.objects[f"{name}-ask"] = {"ask_id": ask.request.public_id}
    return ask.request.get_absolute_url()


@pytest.mark.requirement("Q-40", "Q-51")
@pytest.mark.fault("A-IDOR-4", "A-IDOR-5")
def test_nobody_else_reads_what_a_private_persona_is_told(
    stage: Stage, fake_llm, caplog
):
    caplog.set_level(logging.INFO)
    owner, other = stage.people["owner"], stage.people["other"]
    hermit = Persona.objects.get(slug="hermit")
    tell(hermit)
    fake_llm.always_answers("Two hours.")
    opening = stage.topic.posts.get(number=1)
    while runner.run_next():  # what the stage left waiting
        pass
    own = asks.ask(post=opening, member=owner, persona=hermit)
    runner.run_next()
    assert CANARY in str(fake_llm.calls()[-1].body)
    own.refresh_from_db()
    assert own.reply is not None
    theirs = asks.ask(post=own.reply, member=other)
    runner.run_next()
    assert CANARY not in str(fake_llm.calls()[-1].body)
    put_on(stage, "own", own)
    put_on(stage, "their", theirs)

    told, looked = search(stage, "guest", "other", "staff")

    assert told == []
    assert looked > 300
    assert CANARY not in caplog.text


@pytest.fixture
def recluse(stage, make_persona) -> Persona:
    """alice's private persona, whose name and handle are the canary."""
    return make_persona(
        CANARY, owner=stage.people["owner"], visibility=Visibility.PRIVATE, name=CANARY
    )


@pytest.mark.requirement("Q-40", "Q-51")
@pytest.mark.fault("A-IDOR-4")
def test_nobody_else_reads_the_name_of_a_private_persona_that_was_asked(
    stage: Stage, fake_llm, fake_config, recluse
):
    owner, opening = stage.people["owner"], stage.topic.posts.get(number=1)
    while runner.run_next():  # what the stage left waiting
        pass
    made = {}
    for name in ("taken", "narrowed", "failed", "refused", "cancelled", "open"):
        made[name] = asks.ask(post=opening, member=owner, persona=recluse)
        if name == "taken":  # another one answers in its place
            recluse.owners.update(user=stage.people["staff"])
            runner.run_next()
            recluse.owners.update(user=owner)
        elif name == "narrowed":
            entry = SubforumPersona.objects.create(
                subforum=stage.topic.subforum, persona=Persona.objects.get(slug="chef")
            )
            runner.run_next()
            entry.delete()
        elif name == "failed":
            fake_llm.answers(status=401)
            runner.run_next()
        elif name == "cancelled":
            queue.cancel_by(request=made[name].request, member=owner)
        elif name == "refused":
            Endpoint.objects.update(is_enabled=False)
            runner.run_next()
            Endpoint.objects.update(is_enabled=True)
    addresses = [put_on(stage, name, ask) for name, ask in made.items()]
    states = {name: Ask.objects.get(pk=it.pk).request for name, it in made.items()}
    assert {name: it.status for name, it in states.items()} == {
        "taken": "complete",
        "narrowed": "complete",
        "failed": "error",
        "refused": "error",
        "cancelled": "cancelled",
        "open": "pending",
    }

    told, _ = search(stage, "guest", "other")

    assert told == []
    found = stage.clients["other"].get(f"/queue/?persona={CANARY}")
    assert found.status_code == 422
    for actor in ("owner", "staff"):
        for address in addresses[2:]:
            assert CANARY in stage.clients[actor].get(address).content.decode()
    shown = stage.clients["owner"].get(stage.topic.get_absolute_url())
    assert f"{CANARY} is waiting" in shown.content.decode()


@pytest.mark.requirement("Q-40", "Q-51")
def test_a_reply_that_stands_names_its_private_persona_and_no_other_request(
    stage: Stage, fake_llm, recluse
):
    owner, opening = stage.people["owner"], stage.topic.posts.get(number=1)
    while runner.run_next():
        pass
    fake_llm.answers("Two hours.")
    answered = asks.ask(post=opening, member=owner, persona=recluse)
    runner.run_next()
    waiting = asks.ask(post=opening, member=owner, persona=recluse)

    for actor in ("guest", "other"):
        client = stage.clients[actor]

        def read(address: str, client: Client = client) -> str:
            return client.get(address).content.decode()

        assert f"Answered as <b>{CANARY} v1</b>" in read("/queue/")
        assert "Will answer as <b>a private persona</b>" in read("/queue/")
        assert CANARY in read(answered.request.get_absolute_url())
        assert CANARY not in read(waiting.request.get_absolute_url())
        topic = read(stage.topic.get_absolute_url())
        assert f"{CANARY} v1" in topic
        assert "A private persona is waiting" in topic
        assert f"{CANARY} is waiting" not in topic


@pytest.mark.requirement("Q-40", "Q-51")
@pytest.mark.fault("A-IDOR-4")
def test_a_reply_that_was_deleted_names_its_private_persona_no_more(
    stage: Stage, fake_llm, recluse
):
    owner, opening = stage.people["owner"], stage.topic.posts.get(number=1)
    while runner.run_next():
        pass
    fake_llm.answers("Two hours.")
    ask = asks.ask(post=opening, member=owner, persona=recluse)
    runner.run_next()
    ask.refresh_from_db()
    assert ask.reply is not None
    address = put_on(stage, "answered", ask)

    posts.delete_post(post=ask.reply, actor=owner)

    told, _ = search(stage, "guest", "other")
    assert told == []
    assert stage.clients["other"].get(f"/queue/?persona={CANARY}").status_code == 422
    for actor in ("owner", "staff"):
        assert CANARY in stage.clients[actor].get(address).text
