"""Other names of personas: who gives them, what stands against one, who is meant."""

import pytest
from django.db import transaction
from django.test import Client

from accounts.models import AuditEvent
from personas.errors import AliasRefused
from personas.models import Persona, PersonaAlias, Visibility
from personas.services import aliases, personas
from personas.services.aliases import add_alias, find_persona
from tests.races import start, wait_until_blocked

pytestmark = pytest.mark.django_db

ADD = "/personas/maestro/aliases/"
YOURS = "/personas/maestro/yours/"


@pytest.fixture
def hermit(make_persona, alice) -> Persona:
    """Alice's, private."""
    return make_persona("hermit", owner=alice, visibility=Visibility.PRIVATE)


@pytest.mark.requirement("R-10", "R-55")
def test_a_member_gives_a_persona_another_name(as_, bob, maestro):
    page = as_(bob).post(ADD, {"name": "  The\u200b   Boss "}, follow=True)

    alias = PersonaAlias.objects.get()
    assert (alias.name, alias.user, alias.persona) == ("The Boss", bob, maestro)
    assert page.redirect_chain == [(YOURS, 302)]
    assert "<b>The Boss</b>" in page.text
    assert AuditEvent.objects.count() == 0


@pytest.mark.requirement("R-10", "R-55")
def test_staff_give_one_for_everybody_and_that_is_on_record(
    as_, staff, bob, carol, maestro
):
    as_(staff).post(ADD, {"name": "Boss", "is_for_site": "on"})
    as_(bob).post(ADD, {"name": "Chief", "is_for_site": "on"})

    assert PersonaAlias.objects.get(name="Boss").user is None
    assert PersonaAlias.objects.get(name="Chief").user == bob
    assert find_persona("boss", user=carol) == maestro
    assert find_persona("chief", user=carol) is None
    event = AuditEvent.objects.get()
    assert (event.actor, event.action, event.detail) == (staff, "alias added", {})


@pytest.mark.requirement("R-59", "R-10")
@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("", "This field is required."),
        ("\u200b", "Please write a name."),
        ("x" * 101, "at most 100"),
        ("Bоss", "letters of one script"),  # a Cyrillic o
        ("MAESTRO", "Maestro is called so already."),
        ("developer", "Another persona is called so: Developer."),
        ("Trip Planner", "Another persona is called so: Trip planner."),
        ("@writer", "Another persona is called so: Writer."),
        ("CAROL", "@CAROL is a member."),
        ("boss", "Boss is your alias for Maestro already."),
        ("chief", "Chief is your alias for Writer already."),
    ],
)
def test_a_name_that_cannot_be_used_is_a_field_error(
    as_, bob, carol, maestro, name, complaint
):
    writer = Persona.objects.get(slug="writer")
    add_alias(persona=maestro, name="Boss", actor=bob)
    add_alias(persona=writer, name="Chief", actor=bob)

    page = as_(bob).post(ADD, {"name": name})

    assert page.status_code == 422
    assert complaint in page.text
    assert PersonaAlias.objects.count() == 2


@pytest.mark.requirement("R-59")
def test_a_clash_with_the_site_s_alias_names_it(as_, staff, maestro):
    writer = Persona.objects.get(slug="writer")
    add_alias(persona=writer, name="Boss", actor=staff, is_for_site=True)

    page = as_(staff).post(ADD, {"name": "BOSS", "is_for_site": "on"})

    assert page.status_code == 422
    assert "Boss is the site&#x27;s alias for Writer already." in page.text


@pytest.mark.requirement("R-59", "Q-40")
def test_a_private_persona_stands_in_nobody_else_s_way(bob, alice, maestro, hermit):
    assert add_alias(persona=maestro, name="Hermit", actor=bob).name == "Hermit"

    assert find_persona("hermit", user=bob) == maestro
    assert find_persona("hermit", user=alice) == hermit
    with pytest.raises(AliasRefused, match="Another persona is called so: Hermit"):
        add_alias(persona=maestro, name="hermit", actor=alice)


@pytest.mark.requirement("R-59", "Q-40")
def test_a_clash_does_not_name_a_persona_that_was_hidden_since(
    as_, bob, alice, make_persona
):
    chef = make_persona("chef", owner=alice)
    add_alias(persona=chef, name="Cookie", actor=bob)
    Persona.objects.filter(pk=chef.pk).update(visibility=Visibility.PRIVATE)

    page = as_(bob).post(ADD, {"name": "cookie"})
    listed = as_(bob).get("/settings/aliases/")

    assert "Cookie is your alias for another persona already." in page.text
    assert "for a persona you can no longer ask" in listed.text
    assert "Chef" not in page.text + listed.text
    assert "/personas/chef/" not in listed.text
    assert find_persona("cookie", user=bob) is None


def test_a_deleted_persona_leaves_its_aliases_free(alice, bob, maestro, make_persona):
    chef = make_persona("chef", owner=alice)
    add_alias(persona=chef, name="Cookie", actor=bob)
    personas.delete_persona(persona=chef, actor=alice)

    add_alias(persona=maestro, name="Cookie", actor=bob)

    assert find_persona("cookie", user=bob) == maestro


def test_there_is_an_end_to_aliases(bob, maestro, monkeypatch):
    monkeypatch.setattr(aliases, "MOST_ALIASES", 1)
    add_alias(persona=maestro, name="Boss", actor=bob)

    with pytest.raises(AliasRefused, match="room for 1"):
        add_alias(persona=maestro, name="Chief", actor=bob)


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault("A-RATE-1")
def test_two_at_once_do_not_both_take_the_last_room(bob, maestro, monkeypatch):
    monkeypatch.setattr(aliases, "MOST_ALIASES", 1)
    with transaction.atomic():
        add_alias(persona=maestro, name="Boss", actor=bob)
        other = start(lambda: add_alias(persona=maestro, name="Chief", actor=bob))
        wait_until_blocked(other)

    with pytest.raises(AliasRefused):
        other.result(60)


@pytest.mark.requirement("R-11")
def test_a_name_is_looked_up_in_its_order(bob, carol, staff, alice, make_persona):
    writer = Persona.objects.get(slug="writer")
    maestro = Persona.objects.get(slug="maestro")
    add_alias(persona=writer, name="Boss", actor=staff, is_for_site=True)
    assert find_persona("BOSS", user=None) == writer

    add_alias(persona=maestro, name="Boss", actor=bob)
    assert find_persona("boss", user=bob) == maestro
    assert find_persona("boss", user=carol) == writer

    boss = make_persona("theboss", owner=alice, name="Boss")
    for member in (bob, carol, None):
        assert find_persona("boss", user=member) == boss
        assert find_persona("@theBoss", user=member) == boss
    assert find_persona("trip  planner", user=bob).slug == "tripplanner"
    assert find_persona("", user=bob) is None
    assert find_persona("nobody", user=bob) is None


@pytest.mark.requirement("R-11")
def test_of_two_of_one_name_the_handle_s_and_then_one_s_own_is_meant(
    alice, bob, make_persona
):
    public = make_persona("cook", owner=alice, name="Chef")
    own = make_persona("mycook", owner=bob, visibility=Visibility.PRIVATE)
    # Begun before the other was called so.
    Persona.objects.filter(pk=own.pk).update(name="Chef")
    assert find_persona("chef", user=bob) == own
    assert find_persona("chef", user=alice) == public
    assert find_persona("cook", user=bob) == public

    named = make_persona("baker", owner=alice)
    Persona.objects.filter(pk=named.pk).update(name="mycook")
    assert find_persona("mycook", user=bob) == own
    assert find_persona("mycook", user=alice) == named


@pytest.mark.requirement("R-57")
def test_the_list_holds_own_ones_and_the_site_s(
    as_, alice, bob, staff, maestro, hermit
):
    add_alias(persona=maestro, name="Boss", actor=bob)
    add_alias(persona=maestro, name="Chief", actor=alice)
    add_alias(persona=maestro, name="Conductor", actor=staff, is_for_site=True)
    PersonaAlias.objects.create(persona=hermit, name="Canary")

    page = as_(bob).get("/settings/aliases/")

    assert "<b>Boss</b> for" in page.text
    assert "<b>Conductor</b> for" in page.text
    assert page.text.count("Remove") == 1
    assert "Chief" not in page.text
    assert "Canary" not in page.text
    assert as_(staff).get("/settings/aliases/").text.count("Remove") == 1


@pytest.mark.requirement("R-56")
def test_an_alias_is_removed_by_its_member_or_by_staff(as_, alice, bob, staff, maestro):
    own = add_alias(persona=maestro, name="Boss", actor=bob)
    of_site = add_alias(persona=maestro, name="Chief", actor=staff, is_for_site=True)
    for alias, member in ((own, alice), (own, staff), (of_site, bob)):
        answer = as_(member).post(f"/settings/aliases/{alias.pk}/delete/")
        assert answer.status_code == 404
    guest = Client().post(f"/settings/aliases/{own.pk}/delete/")
    assert guest.status_code == 302
    assert PersonaAlias.objects.count() == 2

    at_persona = as_(bob).post(
        f"/settings/aliases/{own.pk}/delete/", {"at-persona": "yes"}
    )
    in_list = as_(staff).post(f"/settings/aliases/{of_site.pk}/delete/")

    assert at_persona["Location"] == YOURS
    assert in_list["Location"] == "/settings/aliases/"
    assert PersonaAlias.objects.count() == 0
    assert AuditEvent.objects.filter(action="alias removed").count() == 1


@pytest.mark.requirement("R-11")
def test_the_queue_s_filter_takes_an_alias(as_, bob, carol, maestro, staff, hermit):
    add_alias(persona=maestro, name="Boss", actor=bob)

    assert as_(bob).get("/queue/?persona=boss").status_code == 200
    assert as_(carol).get("/queue/?persona=boss").status_code == 422
    assert as_(bob).get("/queue/?persona=hermit").status_code == 422
    assert as_(staff).get("/queue/?persona=hermit").status_code == 200
