"""Who is given a persona to shape is told, and may step down."""

import pytest

from forum.models import Notice
from personas.models import OwnerRole, Persona, PersonaOwner, Visibility
from personas.services import owners

pytestmark = pytest.mark.django_db

BADGE = '<b class="count">1'


@pytest.fixture
def hermit(make_persona, alice) -> Persona:
    return make_persona("hermit", owner=alice, visibility=Visibility.PRIVATE)


def shapers(persona: Persona) -> set[str]:
    rows = PersonaOwner.objects.filter(persona=persona)
    return {str(entry.user) for entry in rows}


@pytest.mark.parametrize("role", OwnerRole.values)
def test_who_is_added_is_told_and_steps_down_from_there(as_, hermit, alice, bob, role):
    as_(alice).post("/personas/hermit/people/", {"member": "@bob", "role": role})

    browser = as_(bob)
    assert BADGE in browser.get("/").text
    page = browser.get("/notices/").text
    assert "Hermit is yours to shape</a>" in page
    assert 'action="/personas/hermit/people/leave/"' in page

    browser.post("/personas/hermit/people/leave/", follow=True)

    assert shapers(hermit) == {"alice"}
    assert "Hermit" not in browser.get("/notices/").text


def test_to_whom_it_is_handed_over_is_told_and_hands_it_back(as_, hermit, alice, bob):
    as_(alice).post("/personas/hermit/people/transfer/", {"member": "@bob"})
    browser = as_(bob)

    refused = browser.post("/personas/hermit/people/leave/")
    assert "Hermit is yours to shape</a>" in browser.get("/notices/").text
    assert refused.status_code == 422
    assert (
        "make somebody else its owner first, hand it over, or delete it."
        in refused.text
    )
    browser.post("/personas/hermit/people/transfer/", {"member": "@alice"})
    browser.post("/personas/hermit/people/leave/")

    assert shapers(hermit) == {"alice"}
    assert PersonaOwner.objects.get().role == OwnerRole.OWNER


def test_an_editor_who_becomes_an_owner_is_told(as_, hermit, alice, bob):
    owners.add_person(persona=hermit, member=bob, role=OwnerRole.EDITOR, actor=alice)
    as_(bob).post("/notices/see/")

    owners.change_role(persona=hermit, member=bob, role=OwnerRole.OWNER, actor=alice)

    assert Notice.objects.unseen().filter(user=bob).count() == 1


def test_who_is_added_again_and_again_is_told_once(as_, hermit, alice, bob):
    given = {"persona": hermit, "member": bob, "actor": alice}
    for _ in range(3):
        owners.add_person(**given, role=OwnerRole.EDITOR)
        owners.remove_person(**given)

    bob.refresh_from_db()
    assert Notice.objects.filter(user=bob).count() == bob.unseen_notices == 1
    assert "Hermit" not in as_(bob).get("/notices/").text
    as_(bob).post("/notices/see/")
    bob.refresh_from_db()
    assert bob.unseen_notices == 0


def test_nobody_is_told_what_they_did_themselves(hermit, alice):
    assert not Notice.objects.exists()
