"""Deleting a persona: who may, what goes, what stays, what becomes free."""

import pytest
from django.test import Client

from accounts.models import AuditEvent, User
from core.models import Handle
from personas.models import OwnerRole, Persona, PersonaCard, PersonaVersion
from personas.services import drafts, personas

pytestmark = pytest.mark.django_db

ADDRESS = "/personas/baker/delete/"


@pytest.fixture
def baker(bob, make_persona) -> Persona:
    return make_persona("baker", owner=bob)


def as_(member: User | None) -> Client:
    client = Client()
    if member:
        client.force_login(member)
    return client


@pytest.mark.requirement("R-49", "F-50")
def test_its_owner_deletes_it(alice, bob, baker, staff):
    client = as_(bob)
    assert "Delete Baker?" in client.get(ADDRESS).text

    answer = client.post(ADDRESS, follow=True)

    baker.refresh_from_db()
    assert "Baker is deleted." in answer.text
    assert (baker.is_active, baker.handle) == (False, None)
    assert PersonaVersion.objects.filter(persona=baker).count() == 1
    for viewer in (None, alice, bob, staff):
        assert as_(viewer).get(baker.get_absolute_url()).status_code == 404
        assert as_(viewer).get("/personas/baker/versions/1/").status_code == 404
        assert "Baker" not in as_(viewer).get("/personas/").text
    [event] = AuditEvent.objects.filter(action="persona deleted")
    assert (event.actor, event.subject_key) == (bob, str(baker.pk))


@pytest.mark.requirement("R-49")
def test_pressing_twice_deletes_once(bob, baker):
    personas.delete_persona(persona=baker, actor=bob)
    personas.delete_persona(persona=baker, actor=bob)

    assert as_(bob).post(ADDRESS).status_code == 404
    assert AuditEvent.objects.filter(action="persona deleted").count() == 1


@pytest.mark.requirement("Q-56")
def test_nobody_else_deletes_it(alice, carol, staff, baker):
    baker.owners.create(user=carol, role=OwnerRole.EDITOR)

    for viewer in (alice, carol, staff):
        assert as_(viewer).get(ADDRESS).status_code == 404
        assert as_(viewer).post(ADDRESS).status_code == 404
    assert as_(None).post(ADDRESS)["Location"].startswith("/accounts/login/")
    baker.refresh_from_db()
    assert baker.is_active


def test_the_fallback_stays(staff):
    client = as_(staff)
    assert "Delete</button>" not in client.get("/personas/companion/delete/").text

    answer = client.post("/personas/companion/delete/")

    assert answer.status_code == 422
    assert "answers when nobody else can" in answer.text
    assert Persona.objects.get(is_fallback=True).is_active


@pytest.mark.requirement("F-50")
def test_staff_delete_a_builtin_persona(staff):
    assert as_(staff).post("/personas/maestro/delete/").status_code == 302

    assert not Persona.objects.get(slug="maestro").is_active


@pytest.mark.requirement("F-54", "C-21")
def test_it_is_no_default_any_more_and_its_drafts_and_card_go(bob, carol, baker):
    baker.owners.create(user=carol, role=OwnerRole.EDITOR)
    Persona.objects.filter(pk=baker.pk).update(is_global_default=True)
    drafts.draft_of(persona=baker, editor=carol)
    PersonaCard.objects.create(persona=baker, source='{"v2":{}}')
    client = as_(bob)
    assert "It answers by default on this site" in client.get(ADDRESS).text

    client.post(ADDRESS)

    baker.refresh_from_db()
    assert not baker.is_global_default
    assert not baker.drafts.exists()
    assert not PersonaCard.objects.exists()


@pytest.mark.requirement("F-55")
def test_its_name_and_handle_are_free_for_another(alice, bob, baker, make_persona):
    as_(bob).post(ADDRESS)

    again = make_persona("baker", owner=alice, name="Baker")

    assert Handle.objects.filter(name="baker").count() == 1
    assert again.get_absolute_url() == "/personas/baker-2/"
    assert as_(None).get("/personas/baker-2/").status_code == 200
    assert as_(None).get("/personas/baker/").status_code == 404
