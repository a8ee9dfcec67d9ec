"""Beginning a persona: what it may be called, and how many may wait to be published."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts.models import AuditEvent
from core.handles import skeleton
from personas.errors import TooManyDrafts
from personas.models import OwnerRole, Persona, PersonaDraft, Visibility
from personas.services import drafts, owners, versions
from tests.many_personas import add_personas

pytestmark = pytest.mark.django_db
NEW = "/personas/new/"


def test_a_name_is_enough_to_begin(client, alice):
    client.force_login(alice)

    answer = client.post(NEW, {"name": "Night  gardener"})

    persona = Persona.objects.get(name="Night gardener")
    assert answer["Location"] == "/personas/night-gardener/guide/role/"
    assert persona.handle.name == "night-gardener"
    assert persona.visibility == Visibility.PRIVATE
    assert persona.current_version is None
    assert persona.created_by == alice
    assert PersonaDraft.objects.get(persona=persona).editor == alice
    event = AuditEvent.objects.get(action="persona created")
    assert (event.actor, event.subject_key) == (alice, str(persona.pk))


@pytest.mark.requirement("F-28", "M-46", "M-76", "R-48")
def test_nobody_meets_what_was_only_begun(client, alice, bob, staff):
    drafts.begin_persona(creator=alice, name="Night gardener")

    client.force_login(alice)
    assert client.get("/personas/night-gardener/").status_code == 200
    client.force_login(bob)
    assert "Night gardener" not in client.get("/personas/").content.decode()
    assert client.get("/personas/night-gardener/").status_code == 404


def test_pressing_twice_leads_to_the_same_draft(client, alice):
    client.force_login(alice)
    answers = [client.post(NEW, {"name": name}) for name in ("Ada", "ada ", "Ada")]

    assert {answer["Location"] for answer in answers} == {"/personas/ada/guide/role/"}
    assert Persona.objects.filter(name="Ada").count() == 1


@pytest.mark.requirement("Q-40")
def test_nobody_learns_the_names_of_private_personas_that_are_not_theirs(
    client, alice, bob, make_persona
):
    """Not of one that they made and handed over, nor whoever has it of theirs."""
    sec = make_persona(
        "sec", owner=alice, visibility=Visibility.PRIVATE, name="Once hers"
    )
    make_persona(
        "hidden", owner=alice, visibility=Visibility.PRIVATE, name="Hidden name"
    )
    owners.transfer(persona=sec, member=bob, actor=alice)
    owners.remove_person(persona=sec, member=alice, actor=bob)

    client.force_login(alice)
    begun = client.post(NEW, {"name": "Once hers", "handle": "sec-two"})
    sec.refresh_from_db()
    theirs = drafts.draft_of(persona=sec, editor=bob)
    versions.publish(draft=drafts.save_draft(draft=theirs, name="Hidden name"))

    assert begun.status_code == 302
    sec.refresh_from_db()
    assert sec.name == "Hidden name"


def test_a_member_s_own_personas_have_names_of_their_own(client, alice, make_persona):
    make_persona("sec", owner=alice, visibility=Visibility.PRIVATE, name="Night owl")
    other = make_persona("other", owner=alice, visibility=Visibility.PRIVATE)
    draft = drafts.draft_of(persona=other, editor=alice)
    drafts.save_draft(draft=draft, name="night OWL")
    client.force_login(alice)

    answers = [
        client.post(NEW, {"name": "night owl", "handle": "sec-two"}),
        client.post("/personas/other/publish/", {}),
    ]

    for answer in answers:
        assert answer.status_code == 422
        assert "Another persona is called so." in answer.text


@pytest.mark.django_db(transaction=True)
def test_pressing_twice_at_once_leads_to_the_same_draft(alice):
    def begin(_: int) -> int:
        try:
            return drafts.begin_persona(creator=alice, name="Ada").pk
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(begin, range(4)))

    assert len(found) == 1
    assert Persona.objects.filter(name="Ada").count() == 1


def test_a_handle_may_be_chosen(client, alice):
    client.force_login(alice)

    client.post(NEW, {"name": "Ada", "handle": "@countess"})

    assert Persona.objects.get(name="Ada").handle.name == "countess"


def test_a_name_that_makes_no_handle_asks_for_one(client, alice):
    client.force_login(alice)

    answer = client.post(NEW, {"name": "Жук"})

    assert answer.status_code == 422
    assert 'value="Жук"' in answer.content.decode()
    assert '<details class="aside" open>' in answer.content.decode()
    assert client.post(NEW, {"name": "Жук", "handle": "zhuk"}).status_code == 302


def test_where_only_the_handle_is_taken_another_one_is_proposed(client, alice, bob):
    drafts.begin_persona(creator=bob, name="Emile Zola")
    client.force_login(alice)

    answer = client.post(NEW, {"name": "Émile Zola 22"})
    assert answer.status_code == 302

    answer = client.post(NEW, {"name": "Жук", "handle": "emile-zola"})

    assert answer.status_code == 422
    assert "is taken" in answer.content.decode()


@pytest.mark.requirement("M-47")
@pytest.mark.parametrize(
    "name",
    [
        "Bob",
        "B0b",
        "Maestro",
        "The Maestro",
        "Maestro v2",
        "Admin",
        "Support team",
        "Bоb",
        f"Ada{chr(0x301) * 6}",
    ],
)
def test_names_of_others_and_of_the_site_are_refused(client, alice, bob, name):
    client.force_login(alice)

    answer = client.post(NEW, {"name": name, "handle": "something"})

    assert answer.status_code == 422
    assert "This name" in answer.content.decode() or "script" in answer.content.decode()
    assert not Persona.objects.filter(created_by=alice).exists()


@pytest.mark.parametrize("name", ["Việt Nguyễn", "שָׁלוֹם", "བསྒྲུབས", "ที่นี่"])
def test_letters_may_have_their_marks(client, alice, name):
    client.force_login(alice)

    assert client.post(NEW, {"name": name, "handle": "ada"}).status_code == 302


@pytest.mark.requirement("M-47")
def test_a_look_alike_is_found_by_its_new_name_without_reading_all_names(
    alice, bob, make_persona, django_assert_num_queries
):
    persona = make_persona("owl", name="Night owl", owner=alice)
    draft = drafts.draft_of(persona=persona, editor=alice)
    versions.publish(draft=drafts.save_draft(draft=draft, name="Day fox"))
    add_personas(300)

    with django_assert_num_queries(1) as asked:
        is_taken = Persona.objects.has_name({skeleton("D4y f0x"), skeleton("Day f0x")})

    assert is_taken
    assert "LIMIT 1" in asked[0]["sql"]
    assert not Persona.objects.has_name({skeleton("Night owl")})


@pytest.mark.parametrize("name", ["", " ", "\u200b", "x" * 61, "a\x00b"])
def test_a_name_has_to_be_one(client, alice, name):
    client.force_login(alice)

    assert client.post(NEW, {"name": name}).status_code == 422
    assert not Persona.objects.filter(created_by=alice).exists()


def test_of_another_s_private_persona_nobody_learns(client, alice, bob, make_persona):
    make_persona("recluse", name="Old Hermit", owner=bob, visibility="private")
    client.force_login(alice)

    assert client.post(NEW, {"name": "Old Hermit"}).status_code == 302


def test_too_many_unpublished_ones_are_not_begun(client, alice, monkeypatch):
    monkeypatch.setattr(drafts, "MOST_BEGUN", 2)
    client.force_login(alice)
    for name in ("Ada", "Bea"):
        client.post(NEW, {"name": name})

    answer = client.post(NEW, {"name": "Cleo"})

    assert answer.status_code == 422
    assert "never published" in answer.content.decode()
    draft = drafts.begin_persona(creator=alice, name="Ada")
    versions.publish(draft=drafts.save_draft(draft=draft, role="a poet"))
    assert client.post(NEW, {"name": "Cleo"}).status_code == 302


def test_a_guest_is_sent_to_sign_in(client):
    for answer in (client.get(NEW), client.post(NEW, {"name": "Ada"})):
        assert answer["Location"].startswith("/accounts/login/")


def test_members_find_the_button_in_the_catalogue(client, alice):
    assert NEW not in client.get("/personas/").content.decode()

    client.force_login(alice)

    assert NEW in client.get("/personas/").content.decode()


def test_what_was_handed_over_counts_for_nobody(alice, bob, monkeypatch):
    monkeypatch.setattr(drafts, "MOST_BEGUN", 1)
    sketch = drafts.begin_persona(creator=alice, name="Sketch").persona
    with pytest.raises(TooManyDrafts):
        drafts.begin_persona(creator=alice, name="Another")

    owners.transfer(persona=sketch, member=bob, actor=alice)

    assert drafts.begin_persona(creator=alice, name="Another").pk
    assert drafts.begin_persona(creator=bob, name="A third").pk


@pytest.mark.fault("A-PRIV-1")
def test_what_others_made_somebody_an_owner_of_is_not_begun_by_them(
    client, alice, bob, monkeypatch
):
    trap = drafts.begin_persona(creator=alice, name="Ada").persona
    owners.add_person(persona=trap, member=bob, role=OwnerRole.OWNER, actor=alice)
    monkeypatch.setattr(drafts, "MOST_BEGUN", 1)
    client.force_login(bob)

    answer = client.post(NEW, {"name": "Ada", "handle": "ada-of-bob"})

    # Not led into hers, where she would read what he publishes.
    assert answer.status_code == 422
    assert not trap.drafts.filter(editor=bob).exists()
    assert client.post(NEW, {"name": "Bea"}).status_code == 302
