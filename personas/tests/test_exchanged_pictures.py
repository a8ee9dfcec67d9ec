"""Pictures of personas in files that are brought and taken away."""

import base64
import re
from io import BytesIO

import pytest
from PIL import Image

from personas.models import Persona
from personas.services import drafts, versions
from personas.tests.cards import as_file
from personas.tests.traffic import bring, send, take

pytestmark = pytest.mark.django_db


def coloured(colour: str, *, side: int = 40, kind: str = "PNG") -> bytes:
    made = BytesIO()
    Image.new("RGB", (side, side), colour).save(made, kind)
    return made.getvalue()


@pytest.mark.fault("A-IMP-3")
def test_a_picture_travels_in_our_own_file(as_alice, as_bob, alice, historic):
    draft = drafts.draft_of(persona=historic, editor=alice)
    draft = drafts.save_picture(draft=draft, data=coloured("red"))
    versions.publish(draft=draft)

    file = take(as_alice, historic, "forllm")
    persona = bring(as_bob, as_file(file))

    data = base64.b64decode(file["persona"]["picture"])
    assert data == draft.avatar_image.read()
    stored = persona.drafts.get().avatar_image
    assert re.fullmatch(r"avatars/[0-9a-f]{40}\.webp", stored.name)
    with Image.open(BytesIO(stored.read())) as shown:
        assert (shown.format, shown.size) == ("WEBP", (40, 40))
    assert "picture" in take(as_bob, persona, "forllm")["persona"]


@pytest.mark.fault("A-IMP-1")
@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (7, "picture is not a text"),
        ("<svg>", "not in base64"),
        ("é", "not in base64"),
        (base64.b64encode(b"<svg/>").decode(), "no picture"),
        (base64.b64encode(b"x" * (256 * 1024 + 1)).decode(), "256 KiB"),
        (base64.b64encode(coloured("red", side=2_001)).decode(), "too many pixels"),
    ],
    ids=["number", "words", "letters", "SVG", "large", "pixels"],
)
def test_a_picture_that_is_none_is_refused(as_alice, picture, said):
    about = {"name": "Eve", "picture": picture}
    file = {"format": "forllm-persona", "format_version": 1, "persona": about}

    answer = send(as_alice, as_file(file))

    assert answer.status_code == 422
    assert said in answer.text
    assert not Persona.objects.filter(name="Eve").exists()


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
