"""Personas in and out: through the pages, with nothing lost on the way."""

import json
import re
import uuid
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts.models import AuditEvent
from personas.models import Persona, PersonaVersion, Visibility
from personas.services import drafts, personas, versions
from personas.tests.cards import (
    ODD_CARDS,
    TWO_CARDS,
    V1,
    as_file,
    picture,
    text_chunk,
    texts_in,
    v2,
    v3,
)

pytestmark = pytest.mark.django_db

IMPORT = "/personas/import/"


@pytest.fixture
def as_alice(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def as_bob(bob) -> Client:
    client = Client()
    client.force_login(bob)
    return client


def send(client: Client, content: bytes, name: str = "persona.json", **fields: str):
    return client.post(IMPORT, {"file": SimpleUploadedFile(name, content), **fields})


def bring(client: Client, content: bytes) -> Persona:
    """Import the file; the persona that came of it."""
    answer = send(client, content)
    assert answer.status_code == 302, re.findall("<ul class=.errorlist.*", answer.text)
    return Persona.objects.get(slug=answer["Location"].split("/")[2])


def take(client: Client, persona: Persona, form: str) -> Any:
    answer = client.get(f"/personas/{persona.slug}/export/{form}/")
    assert answer.status_code == 200
    return answer.content if form == "png" else json.loads(answer.content)


def exact(value: Any) -> str:
    """Equal for equal values only: 1, 1.0 and true differ; the order of keys does not."""
    return json.dumps(value, sort_keys=True)


def parsed(file: bytes) -> Any:
    if file.startswith(b"\x89PNG"):
        return next(iter(texts_in(file).values()))
    return json.loads(file.decode("utf-8-sig"))


@pytest.mark.parametrize("oddity", ODD_CARDS)
def test_a_card_comes_out_as_it_went_in(as_alice, oddity):
    form, file = ODD_CARDS[oddity]

    persona = bring(as_alice, file)

    assert exact(take(as_alice, persona, form)) == exact(parsed(file))


# Their editor is asked for a role, or to say it in fewer words.
UNFINISHED = {"nothing in any field", "fields left out", "a very long description"}


@pytest.mark.parametrize("oddity", [it for it in ODD_CARDS if it not in UNFINISHED])
def test_a_card_comes_out_of_a_published_persona_as_it_went_in(as_alice, oddity):
    form, file = ODD_CARDS[oddity]

    persona = versions.publish(draft=bring(as_alice, file).drafts.get()).persona

    assert exact(take(as_alice, persona, form)) == exact(parsed(file))


def test_there_are_enough_odd_cards():
    assert len(ODD_CARDS) >= 20


def test_both_cards_of_a_picture_come_out_as_they_went_in(as_alice):
    chunks = [text_chunk(keyword, card) for keyword, card in TWO_CARDS.items()]

    persona = bring(as_alice, picture(*chunks))

    came = texts_in(take(as_alice, persona, "png"))
    assert exact(came) == exact(TWO_CARDS)
    assert persona.drafts.get().context.startswith("The longer one, of two.")


def test_a_picture_holds_the_card_in_both_versions(as_alice):
    persona = bring(as_alice, as_file(v2(name="Dot")))

    came = texts_in(take(as_alice, persona, "png"))

    assert exact(came["chara"]) == exact(v2(name="Dot"))
    assert exact(came["ccv3"]) == exact(v3(name="Dot"))


def test_a_card_becomes_a_draft_that_nobody_else_meets(as_alice, as_bob, alice):
    card = v3(
        nickname="Mi", tags=["Sweet things", "Baker"], system_prompt="{{original}} Hm."
    )

    persona = bring(as_alice, as_file(card))

    draft = persona.drafts.get()
    assert (draft.name, draft.tags) == ("Mira", ["sweet-things", "baker"])
    assert draft.role == "Mira is a baker."
    assert draft.context == (
        "Mira is a baker. She rises before the sun does.\n\n"
        "Scenario: the person you answer enters the bakery at dawn."
    )
    assert draft.voice == "Warm, dry, in a hurry."
    assert draft.instructions == "{{original}} Hm."
    assert draft.sample_queries == [
        {"query": "Is it fresh?", "answer": "It is still too hot."}
    ]
    assert (persona.visibility, persona.current_version) == (Visibility.PRIVATE, None)
    assert [(it.user, it.role) for it in persona.owners.all()] == [(alice, "owner")]
    assert as_bob.get(persona.get_absolute_url()).status_code == 404


def test_a_card_s_picture_becomes_the_avatar_and_goes_along(as_alice, as_bob):
    persona = bring(as_alice, picture(text_chunk("chara", v2()), side=300))
    assert persona.drafts.get().avatar_image.name.endswith(".webp")

    file = take(as_alice, persona, "png")

    with Image.open(BytesIO(file), formats=["PNG"]) as avatar:
        assert avatar.size == (256, 256)
        red, green, _ = avatar.convert("RGB").getpixel((9, 9))
    assert red > 240 > 20 > green
    assert bring(as_bob, file).drafts.get().avatar_image


@pytest.mark.parametrize("side", [2_001, 60_000])
def test_a_card_s_picture_that_is_too_large_is_left_out(as_alice, side):
    persona = bring(as_alice, picture(text_chunk("chara", v2()), side=side, rows=1))

    assert not persona.drafts.get().avatar_image


def test_only_what_was_edited_is_written_over(as_alice):
    card = v2(
        description="{{char}} bakes. She hums.",
        tags=[*map(str, range(12))],
        extensions={"other": {"a": 1.0}},
        system_prompt="{{original}}",
    )
    draft = bring(as_alice, as_file(card)).drafts.get()

    drafts.save_draft(
        draft=draft,
        voice="Calm.",
        context=draft.context.replace("hums", "sings"),
        tags=["calm"],
        knowledge=["bread"],
    )

    card["data"] |= {
        "personality": "Calm.",
        "description": "Mira bakes. She sings.",
        "tags": ["calm", "8", "9", "10", "11"],
        "extensions": {"other": {"a": 1.0}, "forllm": {"knowledge": ["bread"]}},
    }
    assert exact(take(as_alice, draft.persona, "v2")) == exact(card)


def test_a_persona_made_here_comes_back_from_a_card(
    as_alice, as_bob, alice, make_persona
):
    told = {
        "role": "a keeper of the lighthouse",
        "context": "The light is old.",
        "voice": "Slow.",
        "instructions": "Name the wind.",
        "knowledge": ["lamps", "tides"],
        "gaps": ["cities"],
        "constraints": ["never says where the key is"],
        "sample_queries": [{"query": "Dark?", "answer": "Not here."}],
        "tags": ["sea"],
    }
    persona = make_persona("keeper", owner=alice, **told)
    card = take(as_alice, persona, "v3")

    draft = bring(as_bob, as_file(card)).drafts.get()

    assert {name: getattr(draft, name) for name in told} == told
    assert card["data"]["description"] == (
        "a keeper of the lighthouse\n\nThe light is old.\n\nKnows about:\n- lamps\n- tides"
        "\n\nDoes not know:\n- cities\n\nAlways keeps to:\n- never says where the key is"
    )


@pytest.fixture
def historic(alice, make_persona) -> Persona:
    """Four versions, the last a revert, the second erased."""
    persona = make_persona("keeper", owner=alice, avatar="🗼", tags=["sea"])
    for role in ("secret", "the third"):
        draft = drafts.draft_of(persona=persona, editor=alice)
        drafts.save_draft(
            draft=draft,
            role=role,
            knowledge=["lamps"],
            sample_queries=[{"query": "Dark?", "answer": ""}],
        )
        versions.publish(draft=draft, note="Said better.")
        persona.refresh_from_db()
    versions.revert(version=persona.versions.get(number=1), actor=alice)
    versions.erase_version(version=persona.versions.get(number=2), actor=alice)
    persona.refresh_from_db()
    return persona


@pytest.mark.fault("A-IMP-3")
def test_our_own_file_comes_out_as_it_went_in(as_alice, as_bob, bob, historic):
    file = take(as_alice, historic, "forllm")

    persona = bring(as_bob, as_file(file))

    again = take(as_bob, persona, "forllm")
    assert again.pop("draft") == {
        name: value
        for name, value in file["versions"][-1].items()
        if name not in ("number", "note", "reverted_from")
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
def test_an_exported_persona_says_nothing_of_the_site(
    as_alice, alice, historic, fake_config
):
    Persona.objects.filter(pk=historic.pk).update(default_config=fake_config)
    files = [
        as_alice.get(f"/personas/{historic.slug}/export/{form}/").content.decode(
            "latin-1"
        )
        for form in ("forllm", "v2", "v3", "png")
    ]

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
@pytest.mark.parametrize("avatar", ["Staff", "🗼 Staff", "✔ admin", "<b>", "🗼🗼"])
def test_an_avatar_in_a_file_is_one_emoji_and_no_words(as_alice, avatar):
    about = {"name": "Eve", "avatar": avatar}
    file = {"format": "forllm-persona", "format_version": 1, "persona": about}

    answer = send(as_alice, as_file(file))

    assert answer.status_code == 422
    assert "avatar is not an emoji" in answer.text
    assert not Persona.objects.filter(name="Eve").exists()
    about["avatar"] = " 🗼 "
    assert bring(as_alice, as_file(file)).drafts.get().avatar == "🗼"


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
