"""Character cards in and out: through the pages, with nothing lost on the way."""

from io import BytesIO

import pytest
from PIL import Image

from personas.models import Visibility
from personas.services import drafts, versions
from personas.tests.cards import (
    ODD_CARDS,
    TWO_CARDS,
    as_file,
    picture,
    text_chunk,
    texts_in,
    v2,
    v3,
)
from personas.tests.traffic import bring, exact, parsed, take

pytestmark = pytest.mark.django_db


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
