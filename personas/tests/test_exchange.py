"""Personas in and out: through the pages, with nothing lost on the way."""

import json
import re
import uuid
from io import BytesIO

import pytest
from django.test import Client
from PIL import Image

from accounts.models import AuditEvent
from personas.models import Persona, PersonaVersion, Visibility
from personas.services import drafts, versions
from personas.tests.cards import V1, as_file, picture, v2
from personas.tests.traffic import IMPORT, bring, exact, send, take

pytestmark = pytest.mark.django_db


@pytest.mark.fault("A-IMP-3")
def test_our_own_file_comes_out_as_it_went_in(as_alice, as_bob, bob, historic):
    file = take(as_alice, historic, "forllm")

    persona = bring(as_bob, as_file(file))

    again = take(as_bob, persona, "forllm")
    assert again.pop("draft") == {
        name: value
        for name, value in file["versions"][-1].items()
        if name in historic.current_version.definition
    }
    assert again["persona"].pop("handle") == "keeper-of-bob"
    assert again["persona"].pop("name") in ("Keeper", "Keeper of bob")
    for name in ("handle", "name"):
        del file["persona"][name]
    assert again == file
    assert [it["number"] for it in file["versions"]] == [1, 2, 3, 4]
    assert [it["role"] for it in file["versions"]][1] == ""
    assert file["versions"][3]["reverted_from"] == 1
    assert set(persona.versions.values_list("created_by", flat=True)) == {bob.pk}


@pytest.mark.fault("A-IMP-3")
def test_publishing_goes_on_with_the_numbers_of_the_file(as_alice, as_bob, historic):
    persona = bring(as_bob, as_file(take(as_alice, historic, "forllm")))
    assert persona.current_version is None

    version = versions.publish(draft=persona.drafts.get())

    assert version.number == 5
    assert PersonaVersion.objects.filter(persona=persona).count() == 5


@pytest.mark.fault("A-IMP-3")
def test_a_file_sets_neither_owner_nor_rights_nor_model(
    as_bob, bob, alice, fake_config
):
    never = {
        "owner": "alice", "owners": [alice.pk], "visibility": "public", "groups": [1],
        "config": str(fake_config.pk), "key": "sk-1", "email": "alice@example.com",
    }  # fmt: skip
    more = {
        "created_by": alice.pk, "is_global_default": True, "is_builtin": True,
        "current_version": 1, "default_config": str(fake_config.pk), "is_fallback": True,
        "definition_public": True, "slug": "maestro", "pk": 1, "id": 1,
    }  # fmt: skip
    file = {
        "format": "forllm-persona", "format_version": 1, **never, **more,
        "persona": {"name": "Eve", "handle": "eve", **never, **more},
        "versions": [{"number": 1, "role": "a spy", **never, **more}],
    }  # fmt: skip

    persona = bring(as_bob, as_file(file))

    assert [it.user for it in persona.owners.all()] == [bob]
    assert (persona.visibility, persona.created_by) == (Visibility.PRIVATE, bob)
    assert (persona.default_config, persona.current_version) == (None, None)
    assert persona.slug == "eve"
    assert not persona.is_global_default | persona.is_builtin | persona.is_fallback
    assert not persona.definition_public
    again = take(as_bob, persona, "forllm")
    assert not set(never) & (set(again) | set(again["persona"]))
    assert again["id"] == again["persona"]["id"] == again["versions"][0]["id"] == 1


@pytest.mark.fault("A-IMP-3")
def test_an_exported_persona_says_nothing_of_the_site_but_who_wrote_a_version(
    as_alice, alice, historic, fake_config
):
    Persona.objects.filter(pk=historic.pk).update(default_config=fake_config)
    files = [
        as_alice.get(f"/personas/{historic.slug}/export/{form}/").content.decode(
            "latin-1"
        )
        for form in ("forllm", "v2", "v3", "png")
    ]

    told = json.loads(files[0])
    authors = [it.pop("created_by") for it in told["versions"]]
    assert authors == ["alice"] * 4
    files[0] = json.dumps(told)
    for word in (
        alice.email,
        "alice",
        "visibility",
        "public",
        "config",
        "Fake",
        "owner",
    ):
        assert not any(word in file for file in files), word


@pytest.mark.fault("A-IMP-3")
def test_what_a_file_says_of_authors_and_dates_is_kept_as_text_and_not_believed(
    as_alice, as_bob, bob, historic
):
    file = take(as_alice, historic, "forllm")
    stamp = file["versions"][0]["created_at"]
    file["versions"][0] |= {"created_by": "<b>warden</b>", "created_at": "anno 1066"}
    file["versions"][2] |= {"created_by": ["x"], "created_at": "x" * 61}

    persona = bring(as_bob, as_file(file))
    draft = persona.drafts.get()
    versions.publish(draft=drafts.save_draft(draft=draft, voice="New."))

    assert stamp.startswith("20")
    rows = persona.versions.order_by("number")
    assert {it.created_by for it in rows} == {bob}
    assert all(it.created_at >= historic.created_at for it in rows)
    page = as_bob.get(f"/personas/{persona.slug}/versions/").text
    assert "warden" not in page
    assert "anno 1066" not in page
    again = take(as_bob, persona, "forllm")["versions"]
    assert [it["created_by"] for it in again] == [
        "<b>warden</b>",
        "alice",
        "bob",
        "alice",
        "bob",
    ]
    assert again[0]["created_at"] == "anno 1066"


def test_a_card_travels_in_our_own_file(as_alice, as_bob):
    card = v2(character_version="7", extensions={"other": [1.0]})
    persona = bring(as_alice, as_file(card))

    again = bring(as_bob, as_file(take(as_alice, persona, "forllm")))

    assert exact(take(as_bob, again, "v2")["data"]["extensions"]) == '{"other": [1.0]}'
    assert again.drafts.get().context == persona.drafts.get().context


def test_a_longer_history_than_fits_ends_with_the_newest(
    as_alice, as_bob, alice, make_persona
):
    persona = make_persona("talker", owner=alice)
    for number in range(2, 40):
        PersonaVersion.objects.create(
            persona=persona, number=number, role="a talker", instructions="é" * 8_000,
            context="é" * 4_000, voice="é" * 2_000,
        )  # fmt: skip

    file = as_alice.get(f"/personas/{persona.slug}/export/forllm/").content

    numbers = [it["number"] for it in json.loads(file)["versions"]]
    assert len(file) <= 1024 * 1024
    assert 30 < len(numbers) < 39
    assert numbers == list(range(40 - len(numbers), 40))
    assert bring(as_bob, file).versions.count() == len(numbers)


def test_a_form_sent_twice_makes_one_persona(as_alice, as_bob):
    token = str(uuid.uuid4())
    first, second = (
        send(as_alice, as_file(v2()), token=token)["Location"] for _ in range(2)
    )
    assert first == second
    assert Persona.objects.filter(name="Mira").count() == 1

    send(as_alice, as_file(v2(creator="another file")), token=token)
    send(as_bob, as_file(v2()), token=token)

    assert Persona.objects.filter(name__startswith="Mira").count() == 3


def test_a_handle_that_is_taken_gets_a_number(as_alice, as_bob, as_staff):
    for client in (as_alice, as_alice, as_bob, as_bob, as_staff):
        bring(client, as_file(v2(name="Mira")))

    found = Persona.objects.filter(name__startswith="Mira").order_by("pk")
    assert [it.handle.name for it in found] == [
        "mira",
        "mira-2",
        "mira-3",
        "mira-4",
        "mira-5",
    ]
    assert [it.name for it in found] == [
        "Mira",
        "Mira 2",
        "Mira 3",
        "Mira 4",
        "Mira 5",
    ]


@pytest.mark.parametrize(
    ("name", "handles"),
    [
        ("Maestro", ["maestro-of-alice", "maestro-of-alice-2"]),
        ("admin", ["admin-of-alice", "admin-of-alice-2"]),
        ("数学", ["imported", "imported-2"]),
        ("m" * 40, ["m" * 30, f"{'m' * 28}-2"]),
    ],
    ids=["public", "reserved", "no letters", "long"],
)
def test_a_handle_is_readable_where_the_name_s_own_cannot_be_had(
    as_alice, name, handles
):
    found = [bring(as_alice, as_file(v2(name=name))) for _ in handles]

    assert [it.handle.name for it in found] == handles


def test_a_name_that_is_taken_gets_another(as_alice, as_bob):
    for client in (as_alice, as_alice, as_alice, as_bob):
        bring(client, as_file(v2(name="Maestro")))

    found = Persona.objects.filter(visibility=Visibility.PRIVATE).order_by("pk")
    assert len({persona.handle_id for persona in found}) == 4
    assert len({(persona.created_by_id, persona.name) for persona in found}) == 4


@pytest.mark.parametrize(
    "name", ["admin", "Everyone", "数学", "../../etc", "", "\x00", "A" * 99]
)
def test_any_name_becomes_a_persona(staff, name):
    client = Client()
    client.force_login(staff)

    persona = bring(client, as_file(v2(name=name)))

    assert persona.name
    assert re.fullmatch("[a-z][a-z0-9-]+", str(persona.handle))
    assert str(persona.handle) not in ("admin", "everyone")


def test_an_import_is_recorded_without_its_words(as_alice, alice):
    persona = bring(as_alice, as_file(V1))

    event = AuditEvent.objects.get(action="persona imported")
    assert (event.actor, event.subject_key) == (alice, str(persona.pk))
    assert event.detail == {"form": "v1", "versions": 0}


def test_what_is_too_long_stays_in_the_draft(as_alice):
    draft = bring(
        as_alice, as_file(v2(description="So it goes on. " * 500))
    ).drafts.get()

    assert len(draft.context) > 7_000


def test_the_page_offers_the_version_that_came(as_alice):
    came_as_v1 = bring(as_alice, as_file(V1))
    came_as_v2 = bring(as_alice, as_file(v2()))

    link = "/export/v1/"
    assert link in as_alice.get(f"/personas/{came_as_v1.slug}/export/").text
    assert link not in as_alice.get(f"/personas/{came_as_v2.slug}/export/").text


@pytest.mark.requirement("Q-51", "Q-40")
def test_readers_get_what_was_published_and_not_what_the_file_held(as_alice, as_bob):
    """What the importer took out before publishing, and what nobody was to read."""
    card = {**V1, "description": "canary-described", "first_mes": "canary-first"}
    persona = bring(as_alice, as_file(card))
    draft = drafts.save_draft(
        draft=persona.drafts.get(),
        role="a cook",
        context="",
        voice="",
        instructions="",
        sample_queries=[],
    )
    versions.publish(draft=draft, visibility=Visibility.PUBLIC)
    Persona.objects.filter(pk=persona.pk).update(definition_public=True)
    page = f"/personas/{persona.slug}/export/"

    for form in ("forllm", "v2", "v3"):
        assert b"canary" in as_alice.get(f"{page}{form}/").content
        for reader in (as_bob, Client()):
            answer = reader.get(f"{page}{form}/")
            assert answer.status_code == 200
            assert b"canary" not in answer.content
    assert as_bob.get(f"{page}v1/").status_code == 404
    assert "came as a character card" in as_alice.get(page).text
    assert "came as a character card" not in as_bob.get(page).text


def test_the_form_says_that_a_file_is_missing(as_alice):
    answer = as_alice.post(IMPORT, {})

    assert answer.status_code == 422
    assert "Please choose a file." in answer.text
    assert as_alice.get(IMPORT).status_code == 200


def jpeg() -> bytes:
    made = BytesIO()
    Image.new("RGB", (8, 8)).save(made, "JPEG")
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (jpeg(), "This picture holds no character card"),
        (picture(), "This picture holds no character card"),
        (b"Mira is a baker.", "neither a persona that was exported here nor a"),
        (b"\x00\x01\xfe", "neither a persona that was exported here nor a"),
        (b"", "This file is empty."),
    ],
    ids=["jpeg", "png", "words", "bytes", "empty"],
)
def test_a_file_that_is_no_card_is_refused_in_plain_words(as_alice, content, said):
    answer = send(as_alice, content, name="mira.png")

    assert answer.status_code == 422
    assert said in answer.text
    assert "not JSON" not in answer.text
    assert "UTF-8" not in answer.text
