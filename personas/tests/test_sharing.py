"""Who may use a persona: private, groups, public, and what follows from a change."""

import pytest
from django.contrib.auth.models import Group

from accounts.models import AuditEvent
from llmconfig.models import LLMConfig
from personas.models import Persona, Visibility
from personas.services import defaults

pytestmark = pytest.mark.django_db

PAGE = "/personas/hermit/visibility/"


@pytest.fixture
def hermit(make_persona, alice) -> Persona:
    return make_persona("hermit", owner=alice, visibility=Visibility.PRIVATE)


@pytest.fixture
def visit(client, alice):
    client.force_login(alice)
    return client


@pytest.fixture
def cooks(alice, bob) -> Group:
    group = Group.objects.create(name="Cooks")
    group.user_set.add(alice, bob)
    return group


def usable_by(member) -> bool:
    return Persona.objects.usable_by(member).filter(slug="hermit").exists()


@pytest.mark.requirement("Q-05", "Q-40", "M-55")
def test_an_owner_opens_and_closes_a_persona(visit, hermit, bob):
    seen = []
    for visibility in ("public", "private"):
        answer = visit.post(PAGE, {"visibility": visibility}, follow=True)
        assert "This is saved." in answer.text
        seen.append((usable_by(bob), usable_by(None)))

    assert seen == [(True, True), (False, False)]
    event = AuditEvent.objects.latest("pk")
    assert event.action == "persona shared"
    assert event.detail["visibility"] == "private"


@pytest.mark.requirement("Q-40")
def test_a_persona_is_for_the_members_of_a_group(visit, hermit, bob, carol, cooks):
    visit.post(PAGE, {"visibility": "groups", "groups": [cooks.pk]})

    who = [usable_by(bob), usable_by(carol), usable_by(None)]
    cooks.user_set.remove(bob)

    assert who == [True, False, False]
    assert not usable_by(bob)


def test_groups_are_those_one_is_in_and_staff_s_are_all(
    visit, hermit, cooks, client, make_member
):
    other = Group.objects.create(name="Bakers")

    page = visit.get(PAGE).text
    refused = visit.post(PAGE, {"visibility": "groups", "groups": [other.pk]})
    none = visit.post(PAGE, {"visibility": "groups"})
    client.force_login(make_member("root", is_staff=True, is_superuser=True))
    client.post(PAGE, {"visibility": "groups", "groups": [other.pk]})
    kept = list(Persona.objects.get(pk=hermit.pk).groups.all())

    assert "Cooks" in page
    assert "Bakers" not in page
    assert (refused.status_code, none.status_code) == (422, 422)
    assert "You may not choose this group." in refused.text
    assert "Please choose a group." in none.text
    assert kept == [other]


def test_who_is_in_no_group_is_told_so(visit, hermit):
    answer = visit.post(PAGE, {"visibility": "groups"})

    assert answer.status_code == 422
    assert "You are in no group." in answer.text


@pytest.mark.parametrize("name", ["Maestro", "MAESTRO", "Maéstro", "Maestr0"])
def test_a_public_persona_is_called_like_no_other(visit, hermit, name):
    Persona.objects.filter(pk=hermit.pk).update(name=name)

    answer = visit.post(PAGE, {"visibility": "public"})

    assert answer.status_code == 422
    assert "Another persona is called so." in answer.text
    hermit.refresh_from_db()
    assert hermit.visibility == "private"


@pytest.mark.parametrize("visibility", ["groups", "public"])
def test_a_member_s_own_model_stays_with_a_private_persona(
    visit, hermit, alice, fake_endpoint, cooks, visibility
):
    own = LLMConfig.objects.create(
        name="Mine", model="fake-1", endpoint=fake_endpoint, owner=alice
    )
    Persona.objects.filter(pk=hermit.pk).update(default_config=own)

    before = visit.get(PAGE).text
    values = {"visibility": visibility, "groups": [cooks.pk]}
    after = visit.post(PAGE, values, follow=True).text

    assert "It answers with a model of a member" in before
    assert "Its own model was a member" in after
    hermit.refresh_from_db()
    assert (hermit.visibility, hermit.default_config) == (visibility, None)


def test_the_site_s_own_model_stays(visit, hermit, fake_config):
    Persona.objects.filter(pk=hermit.pk).update(default_config=fake_config)

    visit.post(PAGE, {"visibility": "public"})

    hermit.refresh_from_db()
    assert hermit.default_config == fake_config


@pytest.mark.requirement("C-08", "F-31")
def test_a_hidden_default_is_the_default_no_more_and_that_is_said(visit, hermit, staff):
    visit.post(PAGE, {"visibility": "public"})
    hermit.refresh_from_db()
    defaults.set_global_default(persona=hermit, actor=staff)

    before = visit.get(PAGE).text
    after = visit.post(PAGE, {"visibility": "private"}, follow=True).text

    assert "it is the default no more" in before
    assert "It is not the site&#x27;s default persona any more." in after
    assert not Persona.objects.filter(is_global_default=True).exists()


def test_the_fallback_stays_open(client, staff):
    client.force_login(staff)

    answer = client.post("/personas/companion/visibility/", {"visibility": "private"})

    assert answer.status_code == 422
    assert "it stays, open to everybody" in answer.text
    assert Persona.objects.get(is_fallback=True).visibility == "public"


def test_definition_and_own_prompts_are_open_or_not(visit, hermit):
    on = {"definition_public": "on", "own_prompt_allowed": "on"}
    flags = []
    for values in (on, {}):
        visit.post(PAGE, {"visibility": "private", **values})
        hermit.refresh_from_db()
        flags.append((hermit.definition_public, hermit.own_prompt_allowed))

    assert flags == [(True, True), (False, False)]


@pytest.mark.parametrize("values", [{}, {"visibility": "friends"}])
def test_bad_input_changes_nothing(visit, hermit, values):
    assert visit.post(PAGE, {**values, "definition_public": "on"}).status_code == 422

    hermit.refresh_from_db()
    assert (hermit.visibility, hermit.definition_public) == ("private", False)


@pytest.mark.fault("B9")
def test_a_private_persona_is_not_opened_under_a_member_s_name(
    visit, hermit, make_member
):
    Persona.objects.filter(pk=hermit.pk).update(name="Robby")
    make_member("robby")  # its name keeps nobody from that while it is private

    answer = visit.post(PAGE, {"visibility": "public"})

    assert answer.status_code == 422
    assert "looks like somebody else" in answer.text
    hermit.refresh_from_db()
    assert hermit.visibility == Visibility.PRIVATE
