"""Who takes a persona away as a file, and what is no longer in it."""

import pytest
from django.test import Client

from personas.models import Persona
from personas.services import personas, versions
from personas.tests.cards import V1, as_file
from personas.tests.traffic import bring, exact, take

pytestmark = pytest.mark.django_db


def test_an_exported_file_is_kept_and_not_shown(as_alice, historic):
    for form, name, kind in (
        ("forllm", "keeper.persona.json", "application/json"),
        ("v2", "keeper.v2.json", "application/json"),
        ("v3", "keeper.v3.json", "application/json"),
        ("png", "keeper.png", "image/png"),
    ):
        answer = as_alice.get(f"/personas/keeper/export/{form}/")

        assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Type"] == kind
        assert "no-store" in answer["Cache-Control"]
    for form in ("v1", "exe", "forllm.json"):
        assert as_alice.get(f"/personas/keeper/export/{form}/").status_code == 404


@pytest.mark.requirement("Q-51", "C-30")
def test_who_may_read_the_definition_may_take_it_away(
    as_alice, as_bob, historic, staff
):
    page = "/personas/keeper/export/"
    guest, as_staff = Client(), Client()
    as_staff.force_login(staff)
    assert as_alice.get(page).status_code == 200
    assert page in as_alice.get("/personas/keeper/").text
    for client in (as_bob, guest, as_staff):
        assert client.get(page).status_code == 404
        assert client.get(f"{page}v2/").status_code == 404
        assert page not in client.get("/personas/keeper/").text

    Persona.objects.filter(pk=historic.pk).update(definition_public=True)

    for client in (as_alice, as_bob, guest, as_staff):
        assert page in client.get("/personas/keeper/").text
        assert f"{page}v2/" in client.get(page).text
        assert client.get(f"{page}v2/").status_code == 200


def test_a_deleted_persona_is_not_given_out(as_alice, alice, historic):
    personas.delete_persona(persona=historic, actor=alice)

    assert as_alice.get("/personas/keeper/export/").status_code == 404


def test_another_s_draft_is_not_given_out(as_alice, as_bob, bob, historic, alice):
    persona = bring(as_alice, as_file({**V1, "description": "canary-5e1f"}))
    persona.owners.create(user=bob, role="editor")

    assert take(as_bob, persona, "forllm")["draft"]["context"] == ""


def test_an_erased_text_does_not_live_on_in_the_card(as_alice, alice):
    persona = bring(as_alice, as_file(V1))
    version = versions.publish(draft=persona.drafts.get())

    versions.erase_version(version=version, actor=alice)

    left = exact(take(as_alice, persona, "v2"))
    assert "mends clocks" not in left
    assert "Tick." not in left
