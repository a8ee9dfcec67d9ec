"""The choice of whom to ask: who stands in the list, and who is called by name."""

import re

import pytest

from forum.forms.asks import MOST_CHOICES
from forum.models import Ask
from forum.services import assignments
from forum.tests.conftest import HTMX
from personas.models import Persona, Visibility
from personas.services.aliases import add_alias
from tests.many_personas import add_personas

pytestmark = pytest.mark.django_db


def test_the_form_offers_what_may_be_asked(as_, bob, opening, maestro):
    Persona.objects.filter(slug="writer").update(visibility=Visibility.PRIVATE)
    browser = as_(bob)

    whole = browser.get(f"/posts/{opening.pk}/ask/").content.decode()
    piece = browser.get(f"/posts/{opening.pk}/ask/", headers=HTMX).content.decode()

    for page in (whole, piece):
        assert "🎼 Maestro — a conductor who sees how" in page
        assert "Writer" not in page
    assert "<html" in whole
    assert "<html" not in piece


@pytest.mark.parametrize("persona", ["private", "99999999", "x"])
def test_a_foreign_persona_is_refused(as_, bob, opening, persona):
    if persona == "private":
        private = Persona.objects.get(slug="writer")
        Persona.objects.filter(pk=private.pk).update(visibility=Visibility.PRIVATE)
        persona = private.pk

    for headers in ({}, HTMX):
        page = as_(bob).post(
            f"/posts/{opening.pk}/ask/", {"persona": persona}, headers=headers
        )
        assert page.status_code == 422
        assert "This persona cannot be asked here." in page.content.decode()
    assert not Ask.objects.exists()


@pytest.mark.requirement("M-51", "M-81", "R-11")
def test_the_choice_among_2000_is_one_query_and_short(
    as_,
    alice,
    bob,
    opening,
    subforum,
    fake_config,
    make_persona,
    django_assert_max_num_queries,
):
    add_personas(2_000)
    make_persona("zora", owner=bob)
    browser = as_(bob)

    with django_assert_max_num_queries(19):
        page = browser.get(f"/posts/{opening.pk}/ask/", headers=HTMX).text

    assert page.count("<option") == MOST_CHOICES + 1
    assert len(page) <= 20_000
    headings = re.findall(r'<optgroup label="([^"]+)"', page)
    assert headings == ["Yours", "Assigned here or built in", "Others"]
    assert page.index("Zora") < page.index("Maestro") < page.index("Cook 0000")
    assert "Or its handle, name or alias" in page


@pytest.mark.requirement("M-51", "M-81", "R-11")
@pytest.mark.parametrize("called", ["@cook-1999", "Chief"])
def test_who_stands_in_no_list_is_asked_by_name(as_, bob, opening, called):
    last = add_personas(2_000)[-1]
    add_alias(persona=last, name="Chief", actor=bob)

    as_(bob).post(f"/posts/{opening.pk}/ask/", {"called": called})

    assert Ask.objects.get().request.persona == last


@pytest.mark.requirement("M-51", "R-11")
def test_who_was_chosen_stays_chosen_also_outside_the_list(as_, bob, opening):
    last = add_personas(100)[-1]
    address = f"/posts/{opening.pk}/ask/"

    begun = as_(bob).get(address, {"persona": "cook-0099"})
    again = as_(bob).post(address, {"persona": last.pk, "called": "no one"})

    assert again.status_code == 422
    for page in (begun.text, again.text):
        assert f'<option value="{last.pk}" selected>' in page
        assert page.count("<option") == MOST_CHOICES + 2


@pytest.mark.parametrize("value", ["0", "x", "99999999999999999999", "\x00"])
def test_whoever_is_not_there_is_not_chosen(as_, bob, opening, value):
    answer = as_(bob).post(f"/posts/{opening.pk}/ask/", {"persona": value})

    assert answer.status_code == 422
    assert answer.text.count(" selected>") <= 1


@pytest.mark.requirement("R-11", "Q-40")
def test_a_name_of_nobody_who_can_be_asked_here_is_an_error(
    as_, alice, bob, opening, subforum, maestro, make_persona
):
    make_persona("hermit", owner=alice, visibility=Visibility.PRIVATE)
    assignments.assign(subforum=subforum, persona=maestro, actor=bob)
    address, writer = f"/posts/{opening.pk}/ask/", Persona.objects.get(slug="writer")

    for data in (
        {"called": "writer"},
        {"called": "hermit"},
        {"called": "no one"},
        {"persona": maestro.pk, "called": "companion"},
        {"persona": writer.pk},
    ):
        answer = as_(bob).post(address, data)
        assert answer.status_code == 422, data
        assert data.get("called", "") in answer.text

    assert not Ask.objects.exists()
    as_(bob).post(address, {"persona": maestro.pk, "called": "Maestro"})
    assert Ask.objects.get().request.persona == maestro


def test_a_short_list_asks_for_no_name(as_, bob, opening):
    page = as_(bob).get(f"/posts/{opening.pk}/ask/").text

    assert "Or its handle" not in page
    assert "Maestro" in page
