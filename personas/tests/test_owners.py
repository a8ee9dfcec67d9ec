"""Owners and editors: joining, changing, handing over, leaving."""

import pytest
from django.db import transaction
from django.test import Client

from accounts.models import AuditEvent
from llmconfig.models import LLMConfig
from personas.errors import AlreadyThere, OwnerNeeded
from personas.models import OwnerRole, Persona, PersonaOwner, Visibility
from personas.services import drafts, owners, versions
from tests.races import start, wait_until_blocked

pytestmark = pytest.mark.django_db

PEOPLE = "/personas/hermit/people/"


@pytest.fixture
def hermit(make_persona, alice) -> Persona:
    return make_persona("hermit", owner=alice, visibility=Visibility.PRIVATE)


@pytest.fixture
def edited(hermit, alice, bob) -> Persona:
    """alice's persona, of which bob is an editor."""
    owners.add_person(persona=hermit, member=bob, role=OwnerRole.EDITOR, actor=alice)
    return hermit


def visit(member) -> Client:
    browser = Client()
    browser.force_login(member)
    return browser


def people(persona) -> dict[str, str]:
    rows = PersonaOwner.objects.filter(persona=persona)
    return {entry.user.handle.name: entry.role for entry in rows}


@pytest.mark.requirement("Q-09")
def test_one_row_for_each_person_and_the_role_is_owner(hermit, alice):
    assert people(hermit) == {"alice": "owner"}
    with pytest.raises(AlreadyThere):
        owners.add_person(
            persona=hermit, member=alice, role=OwnerRole.EDITOR, actor=alice
        )
    assert PersonaOwner().role == OwnerRole.OWNER


@pytest.mark.requirement("Q-09")
@pytest.mark.parametrize("handle", ["@bob", "BOB", " bob "])
def test_an_owner_adds_somebody_by_handle_on_the_record(hermit, alice, bob, handle):
    values = {"member": handle, "role": "editor"}

    page = visit(alice).post(PEOPLE, values, follow=True).text

    assert "@bob shapes Hermit with you now." in page
    assert people(hermit) == {"alice": "owner", "bob": "editor"}
    event = AuditEvent.objects.get(action="persona person_added")
    assert (event.actor, event.detail) == (alice, {"member": "bob", "role": "editor"})


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"member": "@nobody-here", "role": "editor"}, "no member @nobody-here"),
        ({"member": "@maestro", "role": "editor"}, "no member @maestro"),
        ({"member": "@gone", "role": "editor"}, "no member @gone"),
        ({"member": "", "role": "editor"}, "required"),
        ({"member": "@\x00", "role": "editor"}, "Null characters"),
        ({"member": "@bob", "role": "king"}, "Select a valid choice"),
        ({"member": "@alice", "role": "editor"}, "in the list already"),
    ],
)
def test_bad_input_is_said_and_changes_nothing(
    hermit, alice, bob, make_member, values, complaint
):
    make_member("gone", is_active=False)

    answer = visit(alice).post(PEOPLE, values)

    assert answer.status_code == 422
    assert complaint in answer.text
    assert people(hermit) == {"alice": "owner"}


@pytest.mark.requirement("R-53")
def test_roles_change_and_people_go(edited, alice, bob):
    browser = visit(alice)

    browser.post(f"{PEOPLE}change/", {"make_owner": bob.pk})
    promoted = people(edited)
    browser.post(f"{PEOPLE}change/", {"make_editor": bob.pk})
    demoted = people(edited)
    browser.post(f"{PEOPLE}change/", {"remove": bob.pk})

    assert promoted == {"alice": "owner", "bob": "owner"}
    assert demoted == {"alice": "owner", "bob": "editor"}
    assert people(edited) == {"alice": "owner"}


def test_a_persona_is_never_without_an_owner(edited, alice):
    browser = visit(alice)

    answers = [
        browser.post(f"{PEOPLE}change/", {"remove": alice.pk}),
        browser.post(f"{PEOPLE}change/", {"make_editor": alice.pk}),
        browser.post(f"{PEOPLE}leave/"),
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 422]
    assert "A persona needs an owner." in answers[2].text
    assert people(edited) == {"alice": "owner", "bob": "editor"}


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_once_leave_one(hermit, alice, bob):
    owners.add_person(persona=hermit, member=bob, role=OwnerRole.OWNER, actor=alice)

    with transaction.atomic():
        owners.remove_person(persona=hermit, member=alice, actor=alice)
        second = start(
            lambda: owners.remove_person(persona=hermit, member=bob, actor=bob)
        )
        wait_until_blocked(second)

    assert isinstance(second.exception(30), OwnerNeeded)
    assert people(hermit) == {"bob": "owner"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("Q-40")
@pytest.mark.parametrize(
    ("address", "values"),
    [
        ("visibility/", {"visibility": "public"}),
        ("delete/", {}),
        ("publish/", {}),
        ("versions/1/revert/", {}),
        ("people/", {"member": "@carol", "role": "owner"}),
        ("people/change/", {"make_editor": "alice"}),
        ("people/transfer/", {"member": "@carol"}),
    ],
)
def test_who_lost_their_rights_while_they_waited_does_nothing(
    hermit, alice, bob, carol, address, values
):
    """bob passed the page's own look at his rights; then alice took him from the list."""
    owners.add_person(persona=hermit, member=bob, role=OwnerRole.OWNER, actor=alice)
    hermit.refresh_from_db()
    for words in ("Second words", "Third words"):
        draft = drafts.draft_of(persona=hermit, editor=bob)
        drafts.save_draft(draft=draft, role=words)
        if words == "Second words":
            versions.publish(draft=draft)
            hermit.refresh_from_db()
    keys = {"alice": alice.pk}
    values = {name: keys.get(value, value) for name, value in values.items()}
    browser = visit(bob)

    with transaction.atomic():
        owners.remove_person(persona=hermit, member=bob, actor=alice)
        posted = start(lambda: browser.post(f"/personas/hermit/{address}", values))
        wait_until_blocked(posted)

    assert posted.result(60).status_code == 404
    hermit.refresh_from_db()
    assert (hermit.is_active, hermit.visibility) == (True, Visibility.PRIVATE)
    assert hermit.current_version.role == "Second words"
    assert people(hermit) == {"alice": "owner"}


def test_what_came_with_the_site_needs_no_owner(alice, staff):
    maestro = Persona.objects.get(slug="maestro")
    owners.add_person(persona=maestro, member=alice, role=OwnerRole.OWNER, actor=staff)

    owners.remove_person(persona=maestro, member=alice, actor=staff)

    assert people(maestro) == {}


@pytest.mark.requirement("R-53", "Q-60")
def test_an_editor_looks_and_leaves_but_changes_nobody(edited, alice, bob, carol):
    browser = visit(bob)
    page = browser.get(PEOPLE).text
    answers = [
        browser.post(PEOPLE, {"member": "@carol", "role": "editor"}),
        browser.post(f"{PEOPLE}change/", {"remove": alice.pk}),
    ]
    hidden = [
        browser.get(f"{PEOPLE}transfer/"),
        browser.post(f"{PEOPLE}transfer/", {"member": "@bob"}),
        browser.get("/personas/hermit/visibility/"),
        browser.post("/personas/hermit/visibility/", {"visibility": "public"}),
    ]
    left = browser.post(f"{PEOPLE}leave/", follow=True)

    assert "Add somebody" not in page
    assert "Visibility</a>" not in page
    for answer in answers:
        assert answer.status_code == 403
        assert "Only its owners change who shapes this persona." in answer.text
    assert [answer.status_code for answer in hidden] == [404] * 4
    assert left.redirect_chain[-1][0] == "/settings/personas/"
    assert people(edited) == {"alice": "owner"}


def test_a_persona_is_handed_over(edited, alice, carol):
    browser = visit(alice)

    browser.post(f"{PEOPLE}transfer/", {"member": "@carol"})

    assert people(edited) == {"alice": "editor", "bob": "editor", "carol": "owner"}
    assert browser.get(f"{PEOPLE}transfer/").status_code == 404
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.detail) == ("persona transferred", {"member": "carol"})


def test_nobody_hands_over_to_themselves(edited, alice):
    answer = visit(alice).post(f"{PEOPLE}transfer/", {"member": "@alice"})

    assert answer.status_code == 422
    assert people(edited) == {"alice": "owner", "bob": "editor"}


def test_whoever_leaves_takes_their_own_model_along(edited, alice, bob, fake_endpoint):
    own = LLMConfig.objects.create(
        name="Bob's", model="fake-1", endpoint=fake_endpoint, owner=bob
    )
    Persona.objects.filter(pk=edited.pk).update(default_config=own)

    owners.remove_person(persona=edited, member=bob, actor=alice)

    edited.refresh_from_db()
    assert edited.default_config is None


@pytest.mark.requirement("Q-40")
def test_for_strangers_and_staff_there_is_no_such_page(edited, carol, staff, client):
    pages = [PEOPLE, f"{PEOPLE}transfer/", "/personas/hermit/visibility/"]

    for member in (carol, staff):
        assert [visit(member).get(page).status_code for page in pages] == [404] * 3
    assert client.get(PEOPLE)["Location"].startswith("/accounts/login/")
