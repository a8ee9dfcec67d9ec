"""Everybody, and the worker for them, does with a persona what they may and no more."""

import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.models import User
from forum.models import Post
from forum.services import asks, assignments
from llmqueue.models import Status
from llmqueue.work import runner
from personas.models import OwnerRole, Persona, PersonaOwner, Visibility
from personas.services import drafts, owners
from tests.safety.access import DATA
from tests.safety.routes import all_routes
from tests.safety.test_access import undone

pytestmark = pytest.mark.django_db

TABLE = Path(__file__).with_name("persona_access.txt")
ACTORS = (
    "guest",
    "stranger",
    "member",
    "group member",
    "editor",
    "owner",
    "staff",
    "superuser",
)
ROUTES = {route.name: route for route in all_routes()}
# Where the persona is sent in a field instead of standing in the address.
FIELDS = {
    "forum:ask_create": "persona",
    "forum:subforum_personas_change": "add",
    "personas:site_default_change": "default",
    "personas:personas_show": "personas",
}
MORE = {
    "personas:personas_show": {"visibility": "public"},
    "forum:persona_subforums_change": {"add": "kitchen"},
}
CANARY = "canary-2b9d"
# test_trial_readers.py has the trials; here it is about the persona.
NO_TRIAL = uuid.UUID(int=7)


@dataclass(frozen=True)
class Scene:
    """The cast by what they are to alice's personas, the personas by their state."""

    people: dict[str, User]
    personas: dict[str, Persona]
    clients: dict[str, Client]
    opening: Post
    cooks: Group


def rows() -> list[tuple[str, str, str, tuple[str, ...]]]:
    """(method, route, persona, statuses by actor) for each line and persona of TABLE."""
    found = []
    for line in TABLE.read_text().splitlines():
        if line and not line.startswith("#"):
            method, route, personas, *statuses = line.split()
            assert len(statuses) == len(ACTORS), line
            found += [
                (method, route, it, tuple(statuses)) for it in personas.split(",")
            ]
    return found


@pytest.fixture
def scene(topic, alice, bob, carol, staff, make_member, make_persona) -> Scene:
    erin, gail = make_member("erin"), make_member("gail")
    root = make_member("root-owner", is_staff=True, is_superuser=True)
    cooks, bakers = (Group.objects.create(name=name) for name in ("Cooks", "Bakers"))
    cooks.user_set.add(gail)
    bakers.user_set.add(bob)
    words = {"instructions": CANARY, "role": "a friend of soup"}
    personas: dict[str, Persona] = {
        state.value: make_persona(
            f"soup-{state}", owner=alice, visibility=state, **words
        )
        for state in (Visibility.PUBLIC, Visibility.GROUPS, Visibility.PRIVATE)
    }
    draft = drafts.create_persona(creator=alice, name="Sketch", handle="sketch")
    drafts.save_draft(draft=draft, **words)
    personas["draft"] = draft.persona
    personas["groups"].groups.add(cooks)
    for persona in personas.values():
        owners.add_person(
            persona=persona, member=erin, role=OwnerRole.EDITOR, actor=alice
        )
    personas["builtin"] = Persona.objects.get(slug="maestro")
    people = {
        "stranger": carol,
        "member": bob,
        "group member": gail,
        "editor": erin,
        "owner": alice,
        "staff": staff,
        "superuser": root,
    }
    clients = {actor: Client() for actor in ACTORS}
    for actor, member in people.items():
        clients[actor].force_login(member)
    return Scene(people, personas, clients, topic.posts.get(), cooks)


def ask_for(
    scene: Scene, client: Client, method: str, route: str, persona: Persona
) -> tuple[str, str]:
    """The status ("login" for the way to the sign-in page) and the body."""
    subforum = scene.opening.topic.subforum
    known = {
        "persona_slug": persona.slug,
        "post_id": scene.opening.pk,
        "slug": subforum.slug,
        "number": 1,
        "step": "role",
        "form": "v2",
        "trial_id": NO_TRIAL,
    }
    address = ROUTES[route].address({it: known[it] for it in ROUTES[route].parameters})
    data = {**DATA.get(route, {}), **MORE.get(route, {})}
    if route in FIELDS:
        data = {FIELDS[route]: str(persona.pk), **MORE.get(route, {})}
    data = {it: str(subforum.pk) if v == "kitchen" else v for it, v in data.items()}
    with undone(client):
        answer = client.get(address) if method == "GET" else client.post(address, data)
    status = str(answer.status_code)
    if status == "302" and answer["Location"].startswith(reverse(settings.LOGIN_URL)):
        status = "login"
    return status, answer.content.decode()


@pytest.mark.requirement("Q-40", "R-53")
@pytest.mark.fault("A-IDOR-1")
def test_every_route_of_a_persona_has_its_lines():
    listed = {(method, route) for method, route, _, _ in rows()}
    routes = {it.name for it in all_routes() if "persona_slug" in it.parameters}

    without = {
        f"{method} {route}"
        for route in routes
        for method in ("GET", "POST")
        if (method, route) not in listed
    }

    assert without == set(), "add lines to tests/safety/persona_access.txt"


@pytest.mark.requirement("Q-40", "Q-41", "R-53", "C-08", "Q-60")
@pytest.mark.fault("A-IDOR-1", "A-PRIV-1")
def test_everybody_gets_what_the_table_says(scene: Scene):
    wrong = []
    for method, route, name, statuses in rows():
        for actor, expected in zip(ACTORS, statuses, strict=True):
            client, persona = scene.clients[actor], scene.personas[name]
            status, body = ask_for(scene, client, method, route, persona)
            if status != expected:
                wrong.append(f"{method} {route} {name} {actor}: {status}")
            if CANARY in body and actor not in ("editor", "owner", "superuser"):
                wrong.append(f"{method} {route} {name} {actor}: its definition")

    assert wrong == []


@pytest.mark.requirement("Q-40", "F-34")
def test_lists_name_a_persona_to_those_who_may_use_it(scene: Scene):
    place = scene.opening.topic.subforum
    for name in ("public", "groups", "private"):
        assignments.assign(
            subforum=place,
            persona=scene.personas[name],
            actor=scene.people["owner"],
        )
    pages = [
        "/personas/",
        place.get_absolute_url(),
        f"{place.get_absolute_url()}personas/",
        f"{place.get_absolute_url()}who/",
        scene.opening.topic.get_absolute_url(),
        f"/posts/{scene.opening.pk}/ask/",
        "/personas/maestro/",
    ]
    told = {}
    for actor in ACTORS:
        client = scene.clients[actor]
        text = " ".join(client.get(page, follow=True).text for page in pages)
        told[actor] = {
            name
            for name in ("public", "groups", "private")
            if scene.personas[name].name in text
        }

    assert told == {
        "guest": {"public"},
        "stranger": {"public"},
        "member": {"public"},
        "group member": {"public", "groups"},
        "editor": {"public", "groups", "private"},
        "owner": {"public", "groups", "private"},
        "staff": {"public"},
        "superuser": {"public"},
    }


def may_ask() -> list[tuple[str, str]]:
    """Who may ask which persona, by the table."""
    return [
        (actor, name)
        for _, route, name, statuses in rows()
        for actor, status in zip(ACTORS, statuses, strict=True)
        if route == "forum:ask_create" and status == "302" and name != "builtin"
    ]


def take_the_right(scene: Scene, actor: str, persona: Persona) -> None:
    """Let `actor`, who may use `persona`, do so no more."""
    member = scene.people[actor]
    if actor == "group member" and persona.visibility == Visibility.GROUPS:
        scene.cooks.user_set.remove(member)
        return
    PersonaOwner.objects.filter(persona=persona, user=member).delete()
    if persona.visibility == Visibility.PUBLIC:
        Persona.objects.filter(pk=persona.pk).update(visibility=Visibility.PRIVATE)


@pytest.mark.requirement("Q-40", "C-06", "F-43")
@pytest.mark.fault("A-IDOR-1")
@pytest.mark.parametrize(("actor", "name"), may_ask())
@pytest.mark.parametrize("is_taken", [False, True], ids=["kept", "taken"])
def test_the_worker_answers_as_it_while_whoever_asked_may(
    scene: Scene, fake_config, fake_llm, actor, name, is_taken
):
    persona = scene.personas[name]
    fake_llm.always_answers("Two hours.")
    ask = asks.ask(post=scene.opening, member=scene.people[actor], persona=persona)
    if is_taken:
        take_the_right(scene, actor, persona)

    runner.run_next()

    ask.refresh_from_db()
    assert ask.request.status == Status.COMPLETE
    assert ask.reply is not None
    assert ask.reply.persona_version is not None
    answered_as = ask.reply.persona_version.persona
    assert (answered_as == persona) is not is_taken
    assert (CANARY in str(fake_llm.calls()[-1].body)) is not is_taken
