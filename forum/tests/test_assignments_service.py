"""Which personas belong where: the rules behind the pages, and what asking makes of them."""

import pytest

from accounts.models import AuditEvent
from core.models import SiteSettings
from forum import offers
from forum.errors import NotAssigned, OnlyStaffAssign, PersonaNotOffered
from forum.models import Subforum, SubforumPersona
from forum.services import assignments
from llmqueue.handlers import Inputs
from llmqueue.resolution.resolving import resolve
from personas.errors import NotPublic
from personas.models import Persona, Visibility
from personas.services.defaults import set_global_default
from personas.services.personas import delete_persona
from tests.races import start

pytestmark = pytest.mark.django_db


@pytest.fixture
def writer(db) -> Persona:
    return Persona.objects.get(slug="writer")


@pytest.fixture
def hermit(make_persona, alice) -> Persona:
    """alice's own, which nobody else may use."""
    return make_persona("hermit", owner=alice, visibility=Visibility.PRIVATE)


def defaults_of(subforum) -> list[str]:
    found = SubforumPersona.objects.filter(subforum=subforum, is_default=True)
    return [entry.persona.slug for entry in found]


def inputs_of(subforum, member, **chosen) -> Inputs:
    assigned = offers.assignments_of(subforum)
    return offers.inputs_in(subforum, assigned, member=member, **chosen)


def answerer(subforum, member) -> Persona:
    return resolve(inputs_of(subforum, member)).persona


@pytest.mark.requirement("F-03", "F-46", "C-08", "F-26")
def test_any_member_assigns_once_and_it_is_recorded(subforum, bob, maestro):
    for _ in range(2):
        assignments.assign(subforum=subforum, persona=maestro, actor=bob)

    entry = SubforumPersona.objects.get()
    assert (entry.persona, entry.assigned_by) == (maestro, bob)
    assert entry.assigned_at is not None
    event = AuditEvent.objects.get()
    assert (event.actor, event.action) == (bob, "subforum persona_assigned")
    assert event.subject_key == str(subforum.pk)


@pytest.mark.requirement("F-46")
def test_unassigning_takes_the_default_with_it(subforum, bob, maestro):
    assignments.assign(subforum=subforum, persona=maestro, actor=bob)
    assignments.set_default(subforum=subforum, persona=maestro, actor=bob)

    for _ in range(2):
        assignments.unassign(subforum=subforum, persona=maestro, actor=bob)

    assert not SubforumPersona.objects.exists()
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert actions == [
        "subforum persona_assigned",
        "subforum default_set",
        "subforum persona_unassigned",
    ]


@pytest.mark.requirement("C-08", "Q-40", "R-53")
def test_others_do_nothing_with_a_private_persona(subforum, alice, bob, hermit):
    assignments.assign(subforum=subforum, persona=hermit, actor=alice)

    for act in (assignments.assign, assignments.unassign, assignments.set_default):
        with pytest.raises(PersonaNotOffered):
            act(subforum=subforum, persona=hermit, actor=bob)

    assert SubforumPersona.objects.get().assigned_by == alice


@pytest.mark.requirement("F-04", "C-08", "F-26")
def test_a_wrong_default_leaves_the_old_one(
    subforum, alice, maestro, writer, hermit, make_persona
):
    gone = make_persona("gone", owner=alice)
    for persona in (maestro, hermit, gone):
        assignments.assign(subforum=subforum, persona=persona, actor=alice)
    assignments.set_default(subforum=subforum, persona=maestro, actor=alice)
    delete_persona(persona=gone, actor=alice)

    for persona, refusal in (
        (hermit, NotPublic),
        (writer, NotAssigned),
        (gone, PersonaNotOffered),
    ):
        with pytest.raises(refusal):
            assignments.set_default(subforum=subforum, persona=persona, actor=alice)

    assert defaults_of(subforum) == ["maestro"]


@pytest.mark.requirement("F-04", "M-54")
def test_a_new_default_takes_the_old_one_s_place(subforum, bob, maestro, writer):
    for persona in (maestro, writer):
        assignments.assign(subforum=subforum, persona=persona, actor=bob)
        assignments.set_default(subforum=subforum, persona=persona, actor=bob)
    by_then = defaults_of(subforum)
    assignments.clear_default(subforum=subforum, actor=bob)

    assert (by_then, defaults_of(subforum)) == (["writer"], [])


@pytest.mark.requirement("F-04")
@pytest.mark.django_db(transaction=True)
def test_two_defaults_at_the_same_time_leave_one(subforum, bob, maestro):
    personas = list(Persona.objects.open_to_all()[:6])
    for persona in personas:
        assignments.assign(subforum=subforum, persona=persona, actor=bob)

    races = [
        start(
            lambda it=it: assignments.set_default(
                subforum=subforum, persona=it, actor=bob
            )
        )
        for it in personas
    ]
    for race in races:
        race.result(60)

    assert len(defaults_of(subforum)) == 1


@pytest.mark.requirement("C-08", "Q-60")
def test_a_setting_leaves_all_of_it_to_staff(subforum, bob, staff, maestro):
    SiteSettings.objects.update_or_create(pk=1, defaults={"only_staff_assign": True})
    given = {"subforum": subforum, "persona": maestro}

    for act in (assignments.assign, assignments.unassign, assignments.set_default):
        with pytest.raises(OnlyStaffAssign):
            act(actor=bob, **given)
    with pytest.raises(OnlyStaffAssign):
        assignments.clear_default(subforum=subforum, actor=bob)
    assignments.assign(actor=staff, **given)

    assert SubforumPersona.objects.count() == 1


@pytest.mark.requirement("F-42", "F-43")
def test_assigned_personas_and_the_site_s_two_are_all_that_is_offered(
    subforum, bob, maestro, writer, staff
):
    set_global_default(persona=writer, actor=staff)
    assignments.assign(subforum=subforum, persona=maestro, actor=bob)

    offered = [
        it.slug for it in offers.offered_personas(offers.assignments_of(subforum), bob)
    ]

    assert offered == ["companion", "maestro", "writer"]


@pytest.mark.requirement("C-08", "Q-40")
@pytest.mark.usefixtures("fake_config")
def test_a_private_persona_closes_the_place_to_nobody(subforum, alice, bob, hermit):
    assignments.assign(subforum=subforum, persona=hermit, actor=alice)

    theirs = {
        it.slug for it in offers.offered_personas(offers.assignments_of(subforum), bob)
    }
    own = {
        it.slug
        for it in offers.offered_personas(offers.assignments_of(subforum), alice)
    }
    asked = Persona.objects.get(slug="maestro")
    receipt = resolve(inputs_of(subforum, bob, persona=asked))

    assert own == theirs | {"hermit"}
    assert "maestro" in theirs
    assert receipt.persona == asked


@pytest.mark.requirement("C-08", "F-40")
@pytest.mark.usefixtures("fake_config")
def test_a_default_that_is_hidden_later_answers_nobody_and_is_not_named(
    subforum, alice, bob, make_persona
):
    chef = make_persona("chef", owner=alice)
    assignments.assign(subforum=subforum, persona=chef, actor=alice)
    assignments.set_default(subforum=subforum, persona=chef, actor=alice)
    before = answerer(subforum, bob)
    Persona.objects.filter(pk=chef.pk).update(visibility=Visibility.PRIVATE)

    receipt = resolve(inputs_of(subforum, bob))

    assert before == chef
    assert answerer(subforum, alice).is_fallback
    assert "Chef" not in str(receipt.as_json())


@pytest.mark.requirement("C-05", "F-06", "F-40")
@pytest.mark.usefixtures("fake_config")
def test_an_older_subforum_follows_the_site_s_default(subforum, bob, staff, writer):
    before = answerer(subforum, bob)
    set_global_default(persona=writer, actor=staff)
    new = Subforum.objects.create(name="Garden", slug="garden")

    assert before.is_fallback
    assert answerer(subforum, bob) == answerer(new, bob) == writer


@pytest.mark.requirement("F-07")
def test_assignments_and_active_personas_are_found_by_index():
    columns = [
        set(constraint.fields)
        for constraint in SubforumPersona._meta.constraints
        if hasattr(constraint, "fields")
    ]
    indexed = {field.name for field in SubforumPersona._meta.fields if field.db_index}

    assert {"subforum", "persona"} in columns
    assert {"subforum", "persona"} <= indexed
    assert "personas_active_by_name" in {it.name for it in Persona._meta.indexes}
