"""Versions in pages: the list, one, how two differ, and going back."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEvent, User
from personas.models import OwnerRole, Persona, Visibility
from personas.services import drafts, versions
from personas.views.versions import PAGE_SIZE

pytestmark = pytest.mark.django_db

ADDRESS = "/personas/baker/"


def publish(persona: Persona, author: User, note: str = "", **fields: Any) -> None:
    persona.refresh_from_db()
    draft = drafts.draft_of(persona=persona, editor=author)
    drafts.save_draft(draft=draft, **fields)
    versions.publish(draft=draft, note=note)
    persona.refresh_from_db()


@pytest.fixture
def baker(bob, make_persona) -> Persona:
    """Three versions of bob's persona."""
    persona = make_persona(
        "baker", owner=bob, role="a friend of bread", voice="Warm and slow."
    )
    publish(persona, bob, note="Quicker now.", voice="Warm and quick.")
    publish(persona, bob, role="a friend of rye bread", knowledge=["Rye", "Salt"])
    return persona


def as_(member: User | None) -> Client:
    client = Client()
    if member:
        client.force_login(member)
    return client


@pytest.mark.requirement("F-29", "F-38", "F-49")
def test_every_version_is_listed_with_author_time_and_note(bob, baker):
    page = as_(bob).get(f"{ADDRESS}versions/").text

    places = [page.index(f">Version {number}</a>") for number in (3, 2, 1)]
    assert places == sorted(places)
    assert page.count('by <a href="/u/bob/">@bob</a>, <time') == 3
    assert page.count('<span class="tag">Current</span>') == 1
    assert "Quicker now." in page
    assert f'{ADDRESS}diff/?to=2">What changed</a>' in page


@pytest.mark.requirement("F-29", "C-30")
def test_others_see_when_and_by_whom_and_no_texts(alice, staff, baker):
    for viewer in (None, alice, staff):
        client = as_(viewer)

        listed, one = (
            client.get(f"{ADDRESS}versions/{part}").text for part in ("", "2/")
        )

        for page in (listed, one):
            assert 'by <a href="/u/bob/">@bob</a>, <time' in page
            assert "Quicker now." not in page
            assert "Warm" not in page
            assert "keep to themselves what" in page
            assert "diff/" not in page
        assert client.get(f"{ADDRESS}diff/").status_code == 404


@pytest.mark.requirement("C-30", "F-29")
def test_an_open_definition_is_open_in_all_its_versions(alice, baker):
    Persona.objects.filter(pk=baker.pk).update(definition_public=True)

    assert "Warm and slow." in as_(alice).get(f"{ADDRESS}versions/1/").text
    assert "Quicker now." in as_(None).get(f"{ADDRESS}versions/").text
    assert as_(None).get(f"{ADDRESS}diff/?from=1&to=2").status_code == 200
    Persona.objects.filter(pk=baker.pk).update(visibility=Visibility.PRIVATE)
    assert as_(alice).get(f"{ADDRESS}versions/1/").status_code == 404
    assert as_(alice).get(f"{ADDRESS}diff/?from=1&to=2").status_code == 404


@pytest.mark.parametrize("number", ["0", "4", "99999999999999999999"])
def test_a_version_that_is_not_there_is_not_found(bob, baker, number):
    client = as_(bob)

    for tail in ("", "revert/", "posts/"):
        assert client.get(f"{ADDRESS}versions/{number}/{tail}").status_code == 404
    for query in (f"from={number}", f"from=1&to={number}"):
        assert client.get(f"{ADDRESS}diff/?{query}").status_code == 404


@pytest.mark.fault("A-IDOR-2")
def test_a_number_is_one_of_the_persona_s_own(bob, baker, make_persona):
    make_persona("chef", owner=bob)
    client = as_(bob)

    for tail in ("", "revert/", "posts/"):
        assert client.get(f"/personas/chef/versions/2/{tail}").status_code == 404
    assert client.post("/personas/chef/versions/2/revert/").status_code == 404
    assert client.get("/personas/chef/diff/?from=1&to=2").status_code == 404


def test_the_list_goes_on_on_other_pages(bob, baker):
    for at in range(PAGE_SIZE):
        publish(baker, bob, voice=f"Warm, {at}.")
    client = as_(bob)

    first = client.get(f"{ADDRESS}versions/")
    second = client.get(f"{ADDRESS}versions/?before={first.context['older']}")

    numbers = [it.number for page in (first, second) for it in page.context["versions"]]
    assert numbers == list(range(PAGE_SIZE + 3, 0, -1))
    assert second.context["older"] is None
    for before in ("x", "²", "9" * 19):
        assert client.get(f"{ADDRESS}versions/?before={before}").status_code == 404
    assert client.get(f"{ADDRESS}versions/?before={'9' * 18}").status_code == 200


@pytest.mark.requirement("F-29")
def test_two_versions_are_compared_word_by_word(bob, baker):
    page = as_(bob).get(f"{ADDRESS}diff/?from=1&to=3").text

    added, removed = '<ins><span class="unseen">[added: </span>', "<del>"
    assert f'Warm and {removed}<span class="unseen">[removed: </span>slow.' in page
    assert f'{added}quick.<span class="unseen">]</span></ins>' in page
    assert f"a friend of {added}rye " in page
    assert f"{added}Rye\nSalt" in page
    assert "Hard rules" not in page


def test_the_comparison_begins_with_the_last_two(bob, baker):
    page = as_(bob).get(f"{ADDRESS}diff/")

    assert (page.context["older"].number, page.context["newer"].number) == (2, 3)
    assert "Warm" not in page.text


def test_what_cannot_be_compared_is_said_at_the_form(bob, baker):
    client = as_(bob)

    page = client.get(f"{ADDRESS}diff/?from=2&to=9")

    assert page.status_code == 404
    assert "There is no version 9." in page.text
    assert 'value="2"' in page.text
    assert client.get(f"{ADDRESS}diff/?from=two").status_code == 404
    assert client.get(f"{ADDRESS}diff/?to={'9' * 18}").status_code == 404
    same = client.get(f"{ADDRESS}diff/?from=2&to=2").text
    assert "does not differ from itself" in same


def test_texts_of_a_comparison_are_text(bob, baker):
    publish(baker, bob, voice="<script>alert(1)</script> <ins>x</ins>")

    page = as_(bob).get(f"{ADDRESS}diff/").text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.requirement("F-45", "F-49")
def test_going_back_makes_a_new_version_that_names_its_source(bob, baker):
    client = as_(bob)
    before = list(baker.versions.order_by("number").values())
    assert "Warm and slow." in client.get(f"{ADDRESS}versions/1/revert/").text

    answer = client.post(f"{ADDRESS}versions/1/revert/")

    baker.refresh_from_db()
    made = baker.current_version
    assert answer["Location"] == f"{ADDRESS}versions/4/"
    assert (made.number, made.reverted_from.number) == (4, 1)
    assert made.definition == baker.versions.get(number=1).definition
    assert list(baker.versions.order_by("number").values())[:3] == before
    assert (
        'back to <a href="/personas/baker/versions/1/">'
        in client.get(answer["Location"]).text
    )
    assert AuditEvent.objects.filter(actor=bob, action="persona published").count() == 4


def test_who_reads_versions_can_compare_any_two(alice, bob, baker):
    link = f'<a href="{ADDRESS}diff/">Compare two versions</a>'

    assert link in as_(bob).get(f"{ADDRESS}versions/").text
    assert link not in as_(alice).get(f"{ADDRESS}versions/").text


@pytest.mark.requirement("F-45")
def test_going_back_twice_counts_once(bob, baker):
    client = as_(bob)

    answers = [client.post(f"{ADDRESS}versions/1/revert/") for _ in range(2)]

    assert [answer["Location"] for answer in answers] == [f"{ADDRESS}versions/4/"] * 2
    assert baker.versions.count() == 4
    client.post(f"{ADDRESS}versions/4/revert/")
    assert baker.versions.count() == 4
    client.post(f"{ADDRESS}versions/2/revert/")
    client.post(f"{ADDRESS}versions/1/revert/")
    assert baker.versions.count() == 6


@pytest.mark.requirement("Q-56")
def test_only_those_who_shape_it_go_back(alice, staff, carol, baker):
    baker.owners.create(user=carol, role=OwnerRole.EDITOR)
    address = f"{ADDRESS}versions/1/revert/"

    for viewer in (alice, staff):
        assert as_(viewer).get(address).status_code == 404
        assert as_(viewer).post(address).status_code == 404
    assert as_(None).post(address)["Location"].startswith("/accounts/login/")
    assert baker.versions.count() == 3
    assert as_(carol).post(address).status_code == 302
    assert baker.versions.count() == 4


def test_staff_bring_a_builtin_persona_back(staff):
    companion = Persona.objects.get(is_fallback=True)
    publish(companion, staff, voice="Loud.")
    client = as_(staff)

    client.post("/personas/companion/versions/1/revert/")

    companion.refresh_from_db()
    assert companion.current_version.number == 3
    assert companion.current_version.voice == "Friendly, plain and brief."


def test_an_erased_version_is_said_to_be_and_nobody_goes_back_to_it(bob, baker):
    versions.erase_version(version=baker.versions.get(number=1), actor=None)
    client = as_(bob)

    assert (
        '<span class="tag off">Erased</span>' in client.get(f"{ADDRESS}versions/").text
    )
    one = client.get(f"{ADDRESS}versions/1/").text
    assert "erased for legal reasons" in one
    assert "revert/" not in one
    assert "Version 1 was erased" in client.get(f"{ADDRESS}diff/?from=1&to=2").text
    assert "Go back</button>" not in client.get(f"{ADDRESS}versions/1/revert/").text
    answer = client.post(f"{ADDRESS}versions/1/revert/")
    assert answer.status_code == 422
    assert "nothing is left to go back to" in answer.text
    assert baker.versions.count() == 3
