"""Files that strangers bring: refused with a sentence, within bounds, and nothing written."""

import base64
import io
import json
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from personas.tests.cards import (
    V1,
    as_file,
    chunk,
    picture,
    text_chunk,
    v2,
)
from tests.safety.database import changes, snapshot

pytestmark = pytest.mark.django_db

MIB = 1024 * 1024
SUITE = Path(__file__).parent / "corpora" / "json_suite.json"


@pytest.fixture
def member(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def send(client: Client, content: bytes, name: str = "persona.json"):
    return client.post("/personas/import/", {"file": SimpleUploadedFile(name, content)})


def ours(**fields: Any) -> bytes:
    persona = {"name": "Mira", "handle": "mira", "avatar": "", "tags": []}
    blank = {"format": "forllm-persona", "format_version": 1, "persona": persona}
    return as_file({**blank, **fields})


def with_version(**fields: Any) -> bytes:
    return ours(versions=[{"number": 1, "role": "a baker", **fields}])


def with_raw(value: str) -> bytes:
    """A card with a value that Python's own writer would not write."""
    return as_file(v2(extensions={"x": "HERE"})).replace(b'"HERE"', value.encode())


def exact(file: bytes) -> str:
    return json.dumps(json.loads(file), sort_keys=True)


def bomb(content: int) -> bytes:
    return zlib.compress(b"\0" * content, 9)


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("persona.json", b"0" * 50 * MIB)
    return file.getvalue()


_ITXT = b"\0\1\0\0\0"
_CARD = text_chunk("chara", v2())

HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "This file is empty"),
    "more than a mebibyte": (as_file(v2(description="x" * MIB)), "more than 1 MiB"),
    "a million keys": (
        json.dumps({str(n): 0 for n in range(1_000_000)}).encode(),
        "more than 4 MiB",
    ),
    "as many keys as fit": (
        (
            b'{"name":"a","description":"",%s}'
            % b",".join(b'"%x":0' % n for n in range(105_000))
        )[:MIB],
        "parts",
    ),
    "as many lists as fit": (b"[" + b"[]," * 349_000 + b"[]]", "parts"),
    "a hundred thousand brackets": (b"[" * 100_000, "nested"),
    "brackets and keys": (b'[{"":' * 50_000, "nested"),
    "a quote without end": (b'["' + b'\\"' * 500_000, "not JSON"),
    "quotes without end": (b'"' * MIB, "neither a persona"),
    "five thousand digits": (with_raw("9" * 5_000), "5,000 digits"),
    "five thousand digits behind a point": (with_raw("0." + "9" * 5_000), "too long"),
    "a number beyond all": (with_raw("1e999"), "too large"),
    "not a number": (with_raw("NaN"), "NaN is no number"),
    "infinity": (with_raw("Infinity"), "Infinity is no number"),
    "minus infinity": (with_raw("-Infinity"), "-Infinity is no number"),
    "a key twice": (with_raw('{"a":1,"a":2}'), "the same key twice"),
    "a raw NUL": (with_raw('"\0"'), "not JSON"),
    "a raw surrogate": (as_file(V1).replace(b"Tick", b"\xed\xa0\x80"), "UTF-8"),
    "UTF-16": (as_file(V1).decode().encode("utf-16"), "neither a persona"),
    "a zip": (zipped(), "neither a persona"),
    "HTML": (b"<html><script>alert(1)</script>", "neither a persona"),
    "SVG": (
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        "neither a persona",
    ),
    "a JPEG": (b"\xff\xd8\xff\xe0" + b"\0" * 100, "holds no character card"),
    "a number": (b"7", "neither a persona"),
    "null": (b"null", "neither a persona"),
    "a list of cards": (as_file([v2(), v2()]), "neither a persona"),
    "another object": (as_file({"name": "x"}), "neither a persona"),
    "an unknown format": (as_file({"spec": "chara_card_v9", "data": {}}), "format"),
    "a format that is a list": (as_file({**v2(), "spec": ["chara_card_v2"]}), "format"),
    "data that is a list": (as_file({**v2(), "data": [1]}), "no data"),
    "a name that is an object": (as_file(v2(name={"a": 1})), "name is not a text"),
    "a description of a number": (as_file(v2(description=7)), "is not a text"),
    "tags that are a text": (as_file(v2(tags="a,b")), "tags are not"),
    "tags of numbers": (as_file(v2(tags=[1])), "tags are not"),
    "extensions that are a list": (as_file(v2(extensions=[1])), "not an object"),
    "another version of our format": (ours(format_version=2), "not read here"),
    "no persona": (ours(persona=None), "no persona"),
    "ten thousand versions": (
        ours(versions=[{"number": n, "role": "x"} for n in range(1, 10_001)]),
        "10,000 versions",
    ),
    "versions that are an object": (ours(versions={}), "no list"),
    "a version that is a text": (ours(versions=["x"]), "no object"),
    "a version's number as text": (with_version(number="1"), "numbers"),
    "a version's number as truth": (with_version(number=True), "numbers"),
    "a version numbered nought": (with_version(number=0), "numbers"),
    "a version of a huge number": (with_version(number=2**63), "numbers"),
    "versions in no order": (
        ours(versions=[{"number": n, "role": "x"} for n in (2, 1)]),
        "numbers",
    ),
    "a revert to what comes later": (with_version(reverted_from=1), "goes back"),
    "a revert to a list": (with_version(reverted_from=[]), "goes back"),
    "a version's role as a list": (with_version(role=["x"]), "role is not a text"),
    "a version without a role": (with_version(role="", voice="Loud."), "role"),
    "a version's role too long": (with_version(role="x" * 301), "301 characters"),
    "a version's note too long": (with_version(note="x" * 201), "note"),
    "a version's end of a message": (with_version(voice="<|im_end|>"), "im_end"),
    "a version's unknown tool": (with_version(tools=["shell"]), "no tool"),
    "a version's knowledge as text": (with_version(knowledge="bread"), "not a list"),
    "a version's knowledge of lists": (with_version(knowledge=[[]]), "list of texts"),
    "a version's samples of texts": (with_version(sample_queries=["x"]), "objects"),
    "a version's ten thousand lines": (with_version(gaps=["x"] * 10_000), "lines"),
    "a draft that is a list": (ours(draft=[]), "no draft"),
    "a card of another form": (ours(card={"v3": v2()}), "card"),
    "a card of no form": (ours(card={"v7": v2()}), "card"),
    "an SVG avatar": (ours(persona={"name": "x", "avatar": "<svg/>"}), "avatar"),
    "an avatar's path": (ours(persona={"name": "x", "avatar": "../../x"}), "avatar"),
    "an avatar of a list": (ours(persona={"name": "x", "avatar": [1]}), "avatar"),
    "an avatar too long": (ours(persona={"name": "x", "avatar": "🙂" * 17}), "avatar"),
    "a picture without a card": (picture(), "holds no character card"),
    "a picture that ends early": (picture(_CARD)[:-20], "ends too early"),
    "a picture's begin": (b"\x89PNG\r\n\x1a\n", "ends too early"),
    "a picture with a wrong checksum": (
        picture(_CARD[:-1] + bytes([_CARD[-1] ^ 1])),
        "checksum",
    ),
    "a picture with a huge part": (
        picture(struct.pack(">I", 2**31 - 1) + b"tEXt" + b"x" * 100),
        "ends too early",
    ),
    "a picture with the largest part": (
        picture(b"\xff\xff\xff\xfftEXt" + b"x" * 100),
        "ends too early",
    ),
    "a picture without a header": (
        b"\x89PNG\r\n\x1a\n" + _CARD + chunk(b"IEND", b""),
        "does not begin",
    ),
    "a picture with two headers": (picture(picture()[8:33], _CARD), "does not begin"),
    "a picture of many parts": (picture(chunk(b"tEXt", b"a\0") * 20_000), "parts"),
    "two cards called the same": (picture(_CARD, _CARD), "twice"),
    "a packed card": (
        picture(chunk(b"zTXt", b"chara\0\0" + bomb(100 * MIB))),
        "packed",
    ),
    "a packed international card": (
        picture(chunk(b"iTXt", b"ccv3" + _ITXT + bomb(100 * MIB))),
        "packed",
    ),
    "a card that is not base64": (picture(chunk(b"tEXt", b"chara\0{}")), "base64"),
    "a card that is not JSON": (
        picture(chunk(b"tEXt", b"chara\0" + base64.b64encode(b"[" * 99_999))),
        "nested",
    ),
    "a card too large in a picture": (
        picture(text_chunk("chara", v2(description="x" * MIB))),
        "more than 1 MiB",
    ),
    "a picture too large": (picture(chunk(b"tEXt", b"a\0" + b"x" * 4 * MIB)), "4 MiB"),
}


@pytest.mark.fault("A-IMP-1")
@pytest.mark.parametrize("attack", HOSTILE)
def test_a_hostile_file_is_refused_and_nothing_is_written(member, attack):
    content, words = HOSTILE[attack]
    before = snapshot()

    answer = send(member, content)

    assert answer.status_code == 422
    (errors,) = answer.context["form"].errors.values()
    assert words in errors[0]
    assert len(errors[0]) < 200
    assert changes(before, snapshot()) == {}


@pytest.mark.fault("A-IMP-1")
def test_no_hostile_file_fills_the_memory(member):
    send(member, b"warm")
    worst = {}
    for attack, (content, _) in HOSTILE.items():
        tracemalloc.start()
        try:
            send(member, content)
            _, worst[attack] = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert {it: peak for it, peak in worst.items() if peak > 50 * MIB} == {}


@pytest.mark.fault("A-IMP-2")
def test_the_json_suite_breaks_nothing(member):
    texts = {
        name: ("".join(parts) if len(parts) == 1 else parts[0] * parts[1] + parts[2])
        for name, *parts in json.loads(SUITE.read_text())
    }
    before = snapshot()

    statuses = {
        name: send(member, text.encode("latin-1")).status_code
        for name, text in texts.items()
    }

    assert len(texts) == 318
    assert {it for it in statuses if statuses[it] != 422} == set()  # none is a persona
    assert changes(before, snapshot()) == {}


@pytest.mark.fault("A-IMP-2")
def test_the_json_suite_inside_a_card_is_kept_or_refused(member):
    wrong = []
    for number, (name, *parts) in enumerate(json.loads(SUITE.read_text())):
        text = parts[0].encode("latin-1")
        if len(parts) > 1 or text.startswith(b"\xef\xbb\xbf"):
            continue
        card = as_file(v2(name=f"Number {number}", extensions={"x": "HERE"}))
        content = card.replace(b'"HERE"', text)
        answer = send(member, content)
        # What JSON leaves open may be refused; a key twice says two things.
        is_open = name.startswith("i_") or "duplicated_key" in name
        if answer.status_code == 302 and not name.startswith("n_"):
            file = member.get(f"{answer['Location']}export/v2/").content
            if exact(file) != exact(content):
                wrong.append(name)
            member.post(f"{answer['Location']}delete/")  # or they would be too many
        elif answer.status_code != 422 or (name.startswith("y_") and not is_open):
            wrong.append(name)

    assert wrong == []


@pytest.mark.fault("A-IMP-1")
def test_a_file_s_name_is_not_looked_at(member, tmp_path, settings):
    before = set(settings.DATA_DIR.rglob("*"))

    for name in (
        "../../../etc/cron.d/x.json",
        "a" * 400 + ".json",
        "x.svg",
        "C:\\x.exe",
    ):
        assert send(member, as_file(V1), name).status_code == 302

    assert set(settings.DATA_DIR.rglob("*")) == before


@pytest.mark.fault("A-IMP-1")
def test_a_file_for_another_page_is_passed_over(member):
    before = snapshot()

    answer = member.post(
        "/personas/import/", {"other": SimpleUploadedFile("a.json", as_file(V1))}
    )

    assert answer.status_code == 422
    assert changes(before, snapshot()) == {}
