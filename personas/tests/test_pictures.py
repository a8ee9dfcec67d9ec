"""Files of pictures: those that nobody shows are removed, and no others."""

import os
import time
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from PIL import Image

from core import images
from personas.models import Persona
from personas.services import drafts, personas, versions

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path


def draw(colour: str) -> bytes:
    made = BytesIO()
    Image.new("RGB", (8, 8), colour).save(made, "PNG")
    return made.getvalue()


def age(name: str, *, days: float = 2) -> Path:
    path = Path(default_storage.path(name))
    then = time.time() - days * 24 * 60 * 60
    os.utime(path, (then, then))
    return path


def clean() -> str:
    said = StringIO()
    call_command("clean_pictures", stdout=said)
    return said.getvalue()


def test_what_is_shown_nowhere_is_removed_after_a_day(alice):
    draft = drafts.begin_persona(creator=alice, name="Ada")
    given_up = drafts.save_picture(draft=draft, data=draw("red")).avatar_image.name
    shown = drafts.save_picture(draft=draft, data=draw("blue")).avatar_image.name
    drafts.save_draft(draft=draft, role="a poet")
    persona = versions.publish(draft=draft).persona
    begun = drafts.draft_of(persona=persona, editor=alice)
    drafted = drafts.save_picture(draft=begun, data=draw("green")).avatar_image.name
    paths = {name: age(name) for name in (given_up, shown, drafted)}
    broken = paths[shown].with_name("tmp1234")
    broken.write_bytes(b"half")
    age("avatars/tmp1234")
    young = images.store_avatar(images.make_avatar(draw("white")))
    age(young, days=0.9)

    assert clean() == "2 files removed.\n"

    left = sorted(path.name for path in paths[shown].parent.iterdir())
    assert left == sorted(name.rpartition("/")[2] for name in (shown, drafted, young))
    assert clean() == "0 files removed.\n"


def test_a_deleted_persona_keeps_its_picture(alice, make_persona):
    persona = make_persona("chef", owner=alice)
    name = images.store_avatar(images.make_avatar(draw("red")))
    Persona.objects.filter(pk=persona.pk).update(avatar_image=name)
    personas.delete_persona(persona=persona, actor=alice)
    path = age(name)

    clean()

    assert path.exists()


def test_a_picture_that_is_stored_again_while_it_is_being_cleaned_stays():
    picture = images.make_avatar(draw("red"))
    path = age(images.store_avatar(picture))
    found = images.old_avatars()

    images.store_avatar(picture)
    removed = [images.remove_old(name) for name in found]

    assert found == [path.name]
    assert removed == [False]
    assert path.read_bytes() == picture
    assert list(path.parent.iterdir()) == [path]


def test_where_nothing_was_uploaded_there_is_nothing_to_clean():
    assert clean() == "0 files removed.\n"
