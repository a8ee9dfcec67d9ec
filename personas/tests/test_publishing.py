"""Publishing: what changes is said, each press counts once, nobody is overwritten unasked."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction

from accounts.models import AuditEvent, User
from llmconfig.models import LLMConfig
from personas.errors import DraftGone
from personas.models import (
    OwnerRole,
    Persona,
    PersonaCard,
    PersonaDraft,
    PersonaOwner,
    Visibility,
)
from personas.services import drafts, versions
from tests.races import start, wait_until_blocked

pytestmark = pytest.mark.django_db
PUBLISH = "/personas/ada/publish/"


@pytest.fixture
def draft(alice) -> PersonaDraft:
    begun = drafts.begin_persona(creator=alice, name="Ada")
    return drafts.save_draft(draft=begun, role="a gardener by night", avatar="🌙")


@pytest.fixture
def member(client, alice, draft):
    client.force_login(alice)
    return client


@pytest.mark.requirement("F-01", "F-02", "F-38", "Q-12", "M-46")
def test_the_first_version_is_for_everybody_unless_said_otherwise(member, alice, draft):
    page = member.get(PUBLISH).content.decode()
    assert 'value="public" id="id_visibility_0" checked' in page
    assert "first version" in page
    assert "You are Ada, a gardener by night." in page

    answer = member.post(
        PUBLISH, {"visibility": "public", "note": "  Here she\u202e is. "}, follow=True
    )

    assert "Ada is published as version 1." in answer.content.decode()
    persona = Persona.objects.get(name="Ada")
    version = persona.current_version
    assert (version.number, version.role) == (1, "a gardener by night")
    assert (version.note, version.created_by) == ("Here she is.", alice)
    assert (persona.visibility, persona.avatar) == (Visibility.PUBLIC, "🌙")
    assert not PersonaDraft.objects.exists()
    actions = AuditEvent.objects.values_list("action", flat=True)
    assert {"persona created", "persona published", "persona shared"} <= set(actions)


@pytest.mark.requirement("Q-12")
def test_it_can_stay_one_s_own(member, client, bob):
    member.post(PUBLISH, {"visibility": "private"})

    persona = Persona.objects.get(name="Ada")
    assert persona.visibility == Visibility.PRIVATE
    assert persona.current_version.number == 1
    client.force_login(bob)
    assert client.get("/personas/ada/").status_code == 404


@pytest.mark.requirement("Q-12")
def test_groups_that_were_chosen_for_a_draft_stay_chosen(member, alice, draft):
    cooks = Group.objects.create(name="Cooks")
    alice.groups.add(cooks)
    member.post(
        "/personas/ada/visibility/", {"visibility": "groups", "groups": [cooks.pk]}
    )

    page = member.get(PUBLISH).content.decode()
    member.post(PUBLISH, {"visibility": "groups"})

    assert 'value="groups" id="id_visibility_2" checked' in page
    assert "Also the members of Cooks" in page
    persona = Persona.objects.get(name="Ada")
    assert persona.visibility == Visibility.GROUPS
    assert list(persona.groups.all()) == [cooks]
    assert persona.current_version.number == 1


def test_what_was_imported_is_not_shown_to_everybody_by_default(member, draft):
    PersonaCard.objects.create(persona=draft.persona, source="{}")

    page = member.get(PUBLISH).content.decode()

    assert 'value="private" id="id_visibility_1" checked' in page
    assert 'value="public" id="id_visibility_0" checked' not in page


@pytest.mark.parametrize("value", ["groups", "everyone", "\x00", "0"])
def test_no_other_visibility_is_taken(member, value):
    assert member.post(PUBLISH, {"visibility": value}).status_code == 422
    assert Persona.objects.get(name="Ada").current_version is None


def test_visibility_is_not_asked_again(member):
    member.post(PUBLISH, {"visibility": "private"})
    edit(member, voice="Dry.")
    assert "Who may use it" not in member.get(PUBLISH).content.decode()

    member.post(PUBLISH, {"visibility": "public"})

    persona = Persona.objects.get(name="Ada")
    assert persona.current_version.number == 2
    assert persona.visibility == Visibility.PRIVATE


def test_publishing_again_shares_nothing(draft, alice):
    persona = versions.publish(draft=draft).persona
    again = drafts.draft_of(persona=persona, editor=alice)
    drafts.save_draft(draft=again, voice="Dry.")

    versions.publish(draft=again, visibility="public")

    persona.refresh_from_db()
    assert persona.visibility == Visibility.PRIVATE


def edit(member, **fields) -> None:
    form = {"name": "Ada", "avatar": "🌙", "role": "a gardener by night", "rows": "1"}
    member.post("/personas/ada/edit/", {**form, **fields, "go": "save"})


def test_an_editor_publishes_and_does_not_share(client, bob, draft):
    PersonaOwner.objects.create(persona=draft.persona, user=bob, role=OwnerRole.EDITOR)
    client.force_login(bob)
    edit(client)
    assert "Who may use it" not in client.get(PUBLISH).content.decode()

    client.post(PUBLISH, {"visibility": "public"})

    persona = Persona.objects.get(name="Ada")
    assert persona.current_version.created_by == bob
    assert persona.visibility == Visibility.PRIVATE


@pytest.mark.requirement("F-38")
def test_the_page_says_what_changes(member):
    member.post(PUBLISH, {"visibility": "public"})
    edit(member, name="Ada B", voice="Dry.", gaps="cars", avatar="🌱")

    page = member.get(PUBLISH).content.decode()

    assert "Changed since version 1: Name, Emoji, Voice, What it does not know." in page


@pytest.mark.requirement("F-38")
def test_nothing_new_is_no_version(member, client, alice):
    member.post(PUBLISH, {"visibility": "public"})
    edit(member)  # all as it is

    page, answer = member.get(PUBLISH), member.post(PUBLISH, {"note": "Again."})

    assert answer.status_code == 422
    for shown in (page.text, answer.text):
        assert "Nothing has changed since version 1" in shown
        assert 'href="/personas/ada/discard/"' in shown
        assert 'name="note"' not in shown
    assert Persona.objects.get(name="Ada").versions.count() == 1
    assert PersonaDraft.objects.exists()


def test_what_cannot_be_published_says_why_and_stays(member, draft):
    drafts.save_draft(draft=draft, role="", voice="</s>")

    page = member.get(PUBLISH).content.decode()
    assert "Role: Please say" in page
    assert "Voice: &lt;/s&gt; is what" in page
    answer = member.post(PUBLISH, {"visibility": "public"})

    assert answer.status_code == 422
    assert Persona.objects.get(name="Ada").current_version is None
    assert PersonaDraft.objects.exists()


def test_pressing_twice_publishes_once(member):
    member.post(PUBLISH, {"visibility": "public"})

    answer = member.post(PUBLISH, {"visibility": "public"}, follow=True)

    assert answer.redirect_chain == [("/personas/ada/", 302)]
    assert "published already" in answer.content.decode()
    assert Persona.objects.get(name="Ada").versions.count() == 1
    assert member.get(PUBLISH)["Location"] == "/personas/ada/"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("over", [None, 1])
def test_pressing_twice_at_once_publishes_once(draft, over):
    def publish(_: int) -> str:
        try:
            versions.publish(draft=draft, over=over)
        except DraftGone:
            return "gone"
        else:
            return "published"
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(publish, range(4)))

    assert found == ["gone"] * 3 + ["published"]
    assert draft.persona.versions.count() == 1


def renamed(owner, handle, name) -> PersonaDraft:
    """A first draft of the owner's that was given another name since it was begun."""
    begun = drafts.create_persona(creator=owner, name=handle.title(), handle=handle)
    return drafts.save_draft(draft=begun, name=name, role="a friend of soup")


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("M-47")
@pytest.mark.parametrize(
    ("name", "visibility"),
    [("night OWL", "private"), ("N1ght Owl", "public"), ("Night Owl (AI)", "public")],
    ids=["own", "look-alike", "addition"],
)
def test_of_two_that_take_a_name_at_once_one_has_it_and_the_other_is_told(
    client, alice, bob, name, visibility
):
    taker = alice if visibility == "private" else bob
    first = renamed(alice, "first", "Night Owl")
    renamed(taker, "second", name)
    client.force_login(taker)
    fields = {"visibility": visibility, "note": "Mine."}

    with transaction.atomic():
        versions.publish(draft=first, visibility=visibility)
        other = start(lambda: client.post("/personas/second/publish/", fields))
        wait_until_blocked(other)
    answer = other.result(60)

    assert answer.status_code == 422
    assert "Another persona is called so." in answer.text or "looks like" in answer.text
    assert PersonaDraft.objects.get().name == name
    found = Persona.objects.exclude(current_version=None).filter(is_builtin=False)
    assert [it.name for it in found] == ["Night Owl"]
    assert Persona.objects.get(slug="second").visibility == Visibility.PRIVATE


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("Q-12")
@pytest.mark.parametrize("is_staff", [False, True], ids=["member", "staff"])
def test_who_is_an_editor_by_the_time_it_is_published_does_not_share(
    member, alice, draft, is_staff
):
    User.objects.filter(pk=alice.pk).update(is_staff=is_staff)

    with transaction.atomic():
        Persona.objects.hold(draft.persona_id)
        waiting = start(lambda: member.post(PUBLISH, {"visibility": "public"}))
        wait_until_blocked(waiting)
        draft.persona.owners.update(role=OwnerRole.EDITOR)
    answer = waiting.result(60)

    assert answer.status_code == 302
    persona = Persona.objects.get(pk=draft.persona_id)
    assert persona.current_version.number == 1
    assert persona.visibility == Visibility.PRIVATE


@pytest.mark.requirement("F-38")
def test_another_s_version_is_not_overwritten_unasked(member, bob, draft):
    member.post(PUBLISH, {"visibility": "public"})
    PersonaOwner.objects.create(persona=draft.persona, user=bob, role=OwnerRole.EDITOR)
    edit(member, voice="Mine.")
    persona = Persona.objects.get(name="Ada")
    theirs = drafts.draft_of(persona=persona, editor=bob)
    versions.publish(draft=drafts.save_draft(draft=theirs, voice="Theirs."))

    answer = member.post(PUBLISH, {})

    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Somebody else published" in page
    assert "version 2</a>" in page
    assert "all the same" in page
    assert persona.versions.count() == 2
    assert member.post(PUBLISH, {"over": "1"}).status_code == 422
    assert member.post(PUBLISH, {"over": "2"}).status_code == 302
    persona.refresh_from_db()
    assert (persona.current_version.number, persona.current_version.voice) == (
        3,
        "Mine.",
    )


@pytest.mark.requirement("F-38")
def test_a_version_that_comes_in_the_same_moment_is_not_overwritten(
    member, bob, draft, monkeypatch
):
    member.post(PUBLISH, {"visibility": "public"})
    edit(member, voice="Mine.")
    persona = Persona.objects.get(name="Ada")
    persona.owners.get_or_create(user=bob, defaults={"role": OwnerRole.EDITOR})

    def publish_theirs() -> None:
        now = Persona.objects.get(pk=persona.pk)
        theirs = drafts.draft_of(persona=now, editor=bob)
        voice = f"Theirs, after {now.current_version}."
        versions.publish(draft=drafts.save_draft(draft=theirs, voice=voice))

    publish_theirs()
    look = drafts.look_at_draft

    def look_then_be_overtaken(**who: Any) -> PersonaDraft:
        found = look(**who)
        publish_theirs()
        return found

    monkeypatch.setattr(drafts, "look_at_draft", look_then_be_overtaken)
    answer = member.post(PUBLISH, {"over": "2"})
    monkeypatch.undo()

    assert answer.status_code == 422
    assert "version 3</a>" in answer.text
    assert persona.versions.count() == 3
    assert member.post(PUBLISH, {"over": "3"}).status_code == 302


def test_a_first_version_for_everybody_leaves_its_maker_s_own_model(
    member, draft, alice, fake_endpoint
):
    own = LLMConfig.objects.create(
        name="Mine", model="fake-1", endpoint=fake_endpoint, owner=alice
    )
    Persona.objects.filter(pk=draft.persona_id).update(default_config=own)

    assert member.post(PUBLISH, {"visibility": "public"}).status_code == 302

    persona = Persona.objects.get(name="Ada")
    assert (persona.visibility, persona.default_config) == (Visibility.PUBLIC, None)


@pytest.mark.requirement("M-47")
def test_a_name_that_was_taken_meanwhile_is_not_published(member, bob, make_persona):
    make_persona("countess", name="Countess Ada", owner=bob)
    edit(member, name="Countess Ada")

    answer = member.post(PUBLISH, {"visibility": "public"})

    assert answer.status_code == 422
    assert "looks like a persona" in answer.content.decode()
    persona = Persona.objects.get(slug="ada")
    assert (persona.name, persona.current_version) == ("Ada", None)


def test_a_persona_keeps_the_name_it_is_met_under(client, alice, make_persona):
    make_persona("ada", name="Countess of numbers", owner=alice)
    client.force_login(alice)
    edit(client, name="Countess of numbers", voice="Dry.")

    assert client.post(PUBLISH, {}).status_code == 302


def test_a_fault_while_publishing_leaves_all_as_it_was(draft, monkeypatch):
    def fail(**_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(versions, "record", fail)
    with pytest.raises(RuntimeError):
        versions.publish(draft=draft, visibility="public")

    persona = Persona.objects.get(slug="ada")
    assert persona.current_version is None
    assert persona.visibility == Visibility.PRIVATE
    assert PersonaDraft.objects.filter(pk=draft.pk).exists()


@pytest.mark.requirement("M-58")
def test_staff_publish_built_in_ones_in_the_same_way(client, staff, alice):
    client.force_login(staff)
    client.post(
        "/personas/maestro/edit/",
        {"name": "Maestro", "role": "a conductor", "rows": "1", "go": "save"},
    )
    client.post("/personas/maestro/publish/", {"note": "Shorter."})

    maestro = Persona.objects.get(slug="maestro")
    assert (maestro.current_version.number, maestro.current_version.role) == (
        2,
        "a conductor",
    )
    assert maestro.visibility == Visibility.PUBLIC
    client.force_login(alice)
    assert client.get("/personas/maestro/publish/").status_code == 404


@pytest.mark.requirement("R-53")
@pytest.mark.parametrize("way", ["get", "post"])
def test_strangers_publish_nothing(client, draft, bob, staff, way):
    go = getattr(client, way)
    assert go(PUBLISH)["Location"].startswith("/accounts/login/")
    for stranger in (bob, staff):
        client.force_login(stranger)
        assert go(PUBLISH).status_code == 404
    assert Persona.objects.get(slug="ada").current_version is None
