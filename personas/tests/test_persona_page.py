"""The page of one persona: what each reader finds on it."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from personas.models import OwnerRole, Persona, Visibility
from personas.services import drafts, versions

pytestmark = pytest.mark.django_db

ADDRESS = "/personas/baker/"
HIDDEN = (
    "Kneads in secret",
    "flour and time",
    "no gluten-free",
    "never rushes",
    "A day.",
)


@pytest.fixture
def baker(bob, make_persona) -> Persona:
    return make_persona(
        "baker",
        owner=bob,
        role="a friend of bread",
        tags=["character", "home made"],
        instructions="Kneads in secret",
        knowledge=["flour and time"],
        gaps=["no gluten-free"],
        constraints=["never rushes"],
        sample_queries=[
            {"query": "How long & how warm?", "answer": "A day."},
            {"query": "Rye or wheat?", "answer": ""},
        ],
    )


def look(viewer: User | None, address: str = ADDRESS, status: int = 200) -> str:
    client = Client()
    if viewer:
        client.force_login(viewer)
    page = client.get(address)
    assert page.status_code == status
    return page.text


@pytest.mark.requirement("R-51", "C-30")
def test_a_reader_learns_who_it_is_and_not_its_definition(alice, staff, baker):
    for viewer in (None, alice, staff):
        page = look(viewer)

        assert "a friend of bread" in page
        assert 'href="/personas/?tag=home%20made">home made</a>' in page
        assert 'by <a href="/u/bob/">@bob</a>' in page
        assert '<a href="/personas/baker/versions/1/">1</a>' in page
        assert "keep its definition to themselves" in page
        assert "Who may use it" not in page
        assert "Delete this persona" not in page
        assert [text for text in HIDDEN if text in page] == []


@pytest.mark.requirement("C-30", "R-51")
def test_an_open_definition_is_read_by_all_who_may_use_it(alice, bob, baker):
    Persona.objects.update(definition_public=True)

    assert [text for text in HIDDEN if text not in look(None)] == []
    assert [text for text in HIDDEN if text not in look(alice)] == []
    assert "others see the role" not in look(bob)

    Persona.objects.filter(pk=baker.pk).update(visibility=Visibility.PRIVATE)
    look(alice, status=404)


@pytest.mark.requirement("C-30")
def test_its_editors_read_all_of_it_and_owners_may_delete_it(alice, bob, baker):
    baker.owners.create(user=alice, role=OwnerRole.EDITOR)

    for viewer in (alice, bob):
        page = look(viewer)
        assert [text for text in HIDDEN if text not in page] == []
        assert "<dt>Who may use it</dt><dd>Everybody</dd>" in page
        assert "the rest only its owners and editors may read" in page
        assert ("Delete this persona" in page) == (viewer == bob)


def test_its_editors_see_to_which_groups_it_is_open(bob, baker, django_user_model):
    baker.groups.create(name="Cooks")
    Persona.objects.filter(pk=baker.pk).update(visibility=Visibility.GROUPS)

    assert "Members of chosen groups: Cooks" in look(bob)


@pytest.mark.requirement("M-64")
def test_what_to_ask_it_leads_into_asking(baker):
    page = look(None)

    link = reverse("forum:persona_ask", args=["baker"])
    assert f'href="{link}?body=How%20long%20%26%20how%20warm%3F"' in page
    assert ">How long &amp; how warm?</a>" in page
    assert page.count(f'href="{link}?body=') == 2


@pytest.mark.requirement("Q-05", "Q-40", "Q-51", "Q-56", "Q-61")
def test_a_private_persona_is_there_for_its_owners_alone(alice, bob, staff, baker):
    Persona.objects.filter(pk=baker.pk).update(visibility=Visibility.PRIVATE)

    for pages in ("", "versions/", "versions/1/", "versions/1/posts/"):
        look(bob, ADDRESS + pages)
        look(alice, ADDRESS + pages, status=404)
        look(None, ADDRESS + pages, status=404)
        page = look(staff, ADDRESS + pages)
        texts = (*HIDDEN, "a friend of bread", "How long")
        assert [text for text in texts if text in page] == []
    look(alice, "/personas/nobody-there/", status=404)


def test_a_draft_is_there_for_its_editors_alone(alice, bob):
    drafts.create_persona(creator=alice, name="Sketch", handle="sketch")

    page = look(alice, "/personas/sketch/")

    assert "/personas/sketch/versions/" not in page
    assert "Draft: nobody meets it yet" in page
    assert "Nothing is published yet" in look(alice, "/personas/sketch/versions/")
    look(bob, "/personas/sketch/", status=404)


def test_a_draft_s_page_leads_on_to_writing_and_publishing(alice):
    draft = drafts.create_persona(creator=alice, name="Sketch", handle="sketch")
    drafts.save_draft(draft=draft, role="a first idea", avatar="🦊", name="Reynard")

    page, listed = look(alice, "/personas/sketch/"), look(alice, "/personas/?q=sketch")

    for text in ("a first idea", "🦊", "<b>Reynard</b>", "Go on writing"):
        assert text in page
    for path in ("edit", "guide/role", "publish"):
        assert f'href="/personas/sketch/{path}/"' in page
    assert "a first idea" in listed
    assert "🦊" in listed
    assert "Ask Sketch" not in page


def test_versions_that_were_imported_are_shown_before_one_is_met(bob, baker):
    Persona.objects.filter(pk=baker.pk).update(current_version=None)

    assert 'href="/personas/baker/versions/"' in look(bob)


@pytest.mark.requirement("M-64")
def test_whoever_may_use_it_finds_where_to_ask_it(baker, alice):
    assert 'href="/personas/baker/ask/">Ask Baker</a>' in look(alice)


def test_the_tab_of_versions_is_lit_where_two_are_compared(bob, baker):
    page = look(bob, "/personas/baker/diff/")

    assert 'href="/personas/baker/versions/" aria-current="true"' in page


def test_the_pages_of_a_builtin_persona_are_like_any(client, staff):
    page = look(None, "/personas/companion/")

    assert "<dt>Made</dt><dd>built-in</dd>" in page
    assert "Friendly, plain and brief." in page
    assert "Delete this persona" not in look(staff, "/personas/companion/")
    assert "Delete this persona" in look(staff, "/personas/maestro/")
    assert "as delivered" in look(None, "/personas/companion/versions/")


def test_an_erased_definition_is_said_to_be_gone(bob, baker):
    versions.erase_version(version=baker.current_version, actor=None)

    for viewer in (None, bob):
        assert "erased for legal reasons" in look(viewer)
        assert [text for text in HIDDEN if text in look(viewer)] == []


def test_an_uploaded_picture_takes_the_emoji_s_place(baker):
    Persona.objects.filter(pk=baker.pk).update(avatar="🍞")
    assert '<span class="avatar square" aria-hidden="true">🍞</span>' in look(None)

    Persona.objects.filter(pk=baker.pk).update(avatar_image="avatars/baker.webp")

    for address in (ADDRESS, "/personas/?q=baker"):
        page = look(None, address)
        assert 'avatars/baker.webp" alt="" loading="lazy">' in page
        assert "🍞" not in page
