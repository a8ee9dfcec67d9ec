"""Settings > Personas, the site's default, the table for staff, and groups."""

import pytest
from django.contrib.auth.models import Group
from django.db import transaction

from accounts.models import AuditEvent
from personas.errors import GroupNameTaken, NotPublic
from personas.models import OwnerRole, Persona, PersonaOwner, Visibility
from personas.services import defaults, drafts, groups, owners
from personas.services.personas import delete_persona
from tests.races import start, wait_until_blocked

pytestmark = pytest.mark.django_db

PAGE = "/settings/personas/"
DEFAULT = "/settings/personas/default/"
TABLE = "/settings/personas/all/"
SHOW = "/settings/personas/all/show/"
CANARY = "canary-7c31"


@pytest.fixture
def visit(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def hermit(make_persona, alice) -> Persona:
    return make_persona(
        "hermit", owner=alice, visibility=Visibility.PRIVATE, instructions=CANARY
    )


def default_slugs() -> list[str]:
    found = Persona.objects.filter(is_global_default=True)
    return list(found.values_list("slug", flat=True))


@pytest.mark.requirement("F-27", "F-33")
def test_the_tab_leads_to_one_s_own_personas(client, alice, bob, hermit, make_persona):
    make_persona("others", owner=bob)
    drafts.create_persona(creator=alice, name="Sketch", handle="sketch")
    owners.add_person(
        persona=Persona.objects.get(slug="others"),
        member=alice,
        role=OwnerRole.EDITOR,
        actor=bob,
    )
    drafts.draft_of(persona=hermit, editor=alice)
    client.force_login(alice)

    assert f'href="{PAGE}"' in client.get("/settings/").text
    page = client.get(PAGE).text
    assert "you are its editor" in page
    assert page.count("you are its owner") == 2
    assert page.count("Draft under way") == 1
    assert page.count("Not published") == 1
    assert "Maestro" not in page
    assert "The site's default" not in page


@pytest.mark.requirement("F-31", "F-06", "C-05")
def test_staff_choose_the_site_s_default_on_the_record(visit, staff, maestro):
    found = visit.get(PAGE, {"q": "mae"}).text
    chosen = visit.post(DEFAULT, {"default": maestro.pk}, follow=True).text
    cleared = visit.post(DEFAULT, {"clear": "yes"}, follow=True).text

    assert f'name="default" value="{maestro.pk}"' in found
    assert "Maestro is the site&#x27;s default persona." in chosen
    assert "There is none, so the built-in persona answers." in cleared
    events = AuditEvent.objects.order_by("pk")
    assert [(it.actor, it.action) for it in events] == [
        (staff, "persona made_default"),
        (staff, "persona default_ended"),
    ]


@pytest.mark.requirement("F-06", "C-08")
@pytest.mark.parametrize("key", ["hermit", "0", "x", "\x00", "9" * 30, ""])
def test_a_bad_id_leaves_the_default(visit, staff, maestro, hermit, key):
    defaults.set_global_default(persona=maestro, actor=staff)

    key = str(hermit.pk) if key == "hermit" else key
    page = visit.post(DEFAULT, {"default": key}, follow=True).text

    assert "Only a published persona that everybody may ask" in page
    assert default_slugs() == ["maestro"]


@pytest.mark.requirement("C-08")
def test_a_draft_is_no_default(alice, staff):
    draft = drafts.create_persona(creator=alice, name="Sketch", handle="sketch")
    Persona.objects.filter(pk=draft.persona_id).update(visibility=Visibility.PUBLIC)

    with pytest.raises(NotPublic):
        defaults.set_global_default(persona=draft.persona, actor=staff)


@pytest.mark.requirement("F-06")
@pytest.mark.django_db(transaction=True)
def test_two_defaults_at_the_same_time_leave_one(staff):
    races = [
        start(lambda it=it: defaults.set_global_default(persona=it, actor=staff))
        for it in Persona.objects.open_to_all()[:6]
    ]
    for race in races:
        race.result(60)

    assert len(default_slugs()) == 1


@pytest.mark.requirement("F-33")
def test_the_built_in_persona_is_shown_to_staff(visit):
    page = visit.get(PAGE).text

    assert 'href="/personas/companion/"' in page
    assert "it is never hidden or deleted" in page


@pytest.mark.requirement("Q-41")
def test_the_table_lists_every_persona_and_no_definition(
    visit, alice, bob, hermit, fake_config, make_persona
):
    gone = make_persona("gone", owner=bob)
    delete_persona(persona=gone, actor=bob)
    drafts.create_persona(creator=bob, name="Sketch", handle="sketch")
    Persona.objects.filter(pk=hermit.pk).update(default_config=fake_config)

    page = visit.get(TABLE).text
    narrowed = visit.get(TABLE, {"q": "@hermit"}).text

    assert all(name in page for name in ("Hermit", "Gone", "Sketch", "Maestro"))
    assert CANARY not in page
    assert "a friend of soup" not in page
    assert "Maestro" not in narrowed
    for fact in ("@alice", "only its owners and editors", "Fake model", "v1"):
        assert fact in narrowed
    assert "deleted</span>" in page
    assert "draft</span>" in page


@pytest.mark.requirement("Q-41", "F-44")
def test_a_thousand_personas_are_paged_within_bounds(
    visit, alice, bob, make_persona, django_assert_max_num_queries
):
    make_persona("first", owner=alice)
    model = Persona.objects.get(slug="first")
    Persona.objects.bulk_create(
        Persona(
            slug=f"p{n}",
            name=f"Persona {n:04}",
            is_active=False,
            current_version=None,
            created_by=alice,
        )
        for n in range(1000)
    )
    made = list(Persona.objects.filter(slug__startswith="p", is_active=False))
    PersonaOwner.objects.bulk_create(
        PersonaOwner(persona=it, user=alice) for it in [*made]
    )
    assert model.is_open_to_all

    with django_assert_max_num_queries(6):
        first = visit.get(TABLE)
    address, names = TABLE, []
    while address:
        page = visit.get(address).context["page"]
        names += [it.name for it in page.rows]
        address = f"{TABLE}{page.later}" if page.later else ""

    assert len(first.content) <= 50_000
    assert len(names) == len(set(names)) == Persona.objects.count()


@pytest.mark.requirement("Q-39", "Q-17")
def test_staff_set_visibility_after_a_word_of_warning(visit, staff, hermit, maestro):
    ticked = {"personas": [hermit.pk, maestro.pk], "visibility": "private"}

    warned = visit.post(SHOW, ticked)
    before = maestro.visibility
    done = visit.post(SHOW, {**ticked, "is_confirmed": "yes"}, follow=True).text
    opened = {"personas": [hermit.pk], "visibility": "public", "is_confirmed": "yes"}
    visit.post(SHOW, opened)

    assert warned.status_code == 200
    assert "Nobody but their owners and editors will find or ask" in warned.text
    assert before == "public"
    assert "Maestro: only its owners and editors." in done
    maestro.refresh_from_db()
    hermit.refresh_from_db()
    assert (maestro.visibility, hermit.visibility) == ("private", "public")
    events = AuditEvent.objects.filter(actor=staff, action="persona shared")
    assert events.count() == 2


@pytest.mark.requirement("Q-39")
def test_one_that_cannot_be_changed_is_named_and_stops_no_other(visit, maestro):
    fallback = Persona.objects.get(is_fallback=True)
    values = {"personas": [fallback.pk, maestro.pk], "visibility": "private"}

    page = visit.post(SHOW, {**values, "is_confirmed": "yes"}, follow=True).text

    assert "Companion stays as it was." in page
    maestro.refresh_from_db()
    assert maestro.visibility == "private"


@pytest.mark.parametrize(
    "values", [{"visibility": "private"}, {"personas": ["x"], "visibility": "private"}]
)
def test_nothing_ticked_is_said(visit, values):
    answer = visit.post(SHOW, values)

    assert answer.status_code == 422
    assert 'class="errorlist"' in answer.text


GROUPS = "/settings/groups/"


@pytest.mark.requirement("Q-40")
def test_staff_make_a_group_and_say_who_is_in_it(visit, staff, bob):
    made = visit.post(GROUPS, {"name": "Cooks"}, follow=True).text
    group = Group.objects.get()
    page = f"{GROUPS}{group.pk}/"
    added = visit.post(page, {"member": "@bob"}, follow=True).text
    twice = visit.post(page, {"member": "@bob"})
    unknown = visit.post(page, {"member": "@nobody"})
    inside = list(group.user_set.all())
    visit.post(f"{page}members/{bob.pk}/remove/")

    assert "Cooks is made." in made
    assert "@bob is in Cooks now." in added
    assert (twice.status_code, unknown.status_code) == (422, 422)
    assert "There is no member @nobody." in unknown.text
    assert inside == [bob]
    assert not group.user_set.exists()
    actions = AuditEvent.objects.order_by("pk").values_list("action", "actor")
    assert list(actions) == [
        ("group created", staff.pk),
        ("group member_added", staff.pk),
        ("group member_removed", staff.pk),
    ]


@pytest.mark.parametrize("name", ["", "\u200b", "COOKS", "x" * 61])
def test_a_group_needs_a_name_of_its_own(visit, name):
    Group.objects.create(name="Cooks")
    other = Group.objects.create(name="Bakers")

    made = visit.post(GROUPS, {"name": name})
    renamed = visit.post(f"{GROUPS}{other.pk}/rename/", {"name": name})

    assert (made.status_code, renamed.status_code) == (422, 422)
    assert set(Group.objects.values_list("name", flat=True)) == {"Cooks", "Bakers"}


@pytest.mark.django_db(transaction=True)
def test_pressing_twice_at_once_makes_one_first_group(staff):
    with transaction.atomic():
        groups.create_group(name="Cooks", actor=staff)
        second = start(lambda: groups.create_group(name="Cooks", actor=staff))
        wait_until_blocked(second)

    with pytest.raises(GroupNameTaken):
        second.result(60)
    assert Group.objects.count() == 1


def test_a_group_is_renamed(visit):
    group = Group.objects.create(name="Cooks")

    visit.post(f"{GROUPS}{group.pk}/rename/", {"name": "cooks"})

    group.refresh_from_db()
    assert group.name == "cooks"


@pytest.mark.requirement("Q-40")
def test_a_deleted_group_leaves_its_personas_to_their_owners(visit, alice, bob, hermit):
    group = Group.objects.create(name="Cooks")
    group.user_set.add(bob)
    hermit.groups.add(group)
    Persona.objects.filter(pk=hermit.pk).update(visibility=Visibility.GROUPS)
    before = Persona.objects.usable_by(bob).filter(pk=hermit.pk).exists()

    warned = visit.get(f"{GROUPS}{group.pk}/delete/").text
    visit.post(f"{GROUPS}{group.pk}/delete/")

    assert "Hermit" in warned
    assert before
    assert not Persona.objects.usable_by(bob).filter(pk=hermit.pk).exists()
    assert Persona.objects.usable_by(alice).filter(pk=hermit.pk).exists()
