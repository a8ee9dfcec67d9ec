"""Character cards written after the public specifications, each odd in its own way.

`ODD_CARDS`: the oddity -> (its form, the file). The characters are nobody's.
"""

import base64
import json
import struct
import zlib
from typing import Any


def v2(**data: Any) -> dict[str, Any]:
    blank = {
        "name": "Mira",
        "description": "Mira is a baker. She rises before the sun does.",
        "personality": "Warm, dry, in a hurry.",
        "scenario": "{{user}} enters the bakery at dawn.",
        "first_mes": "*{{char}} looks up.* You are early.",
        "mes_example": "<START>\n{{user}}: Is it fresh?\n{{char}}: It is still too hot.",
        "creator_notes": "",
        "system_prompt": "",
        "post_history_instructions": "",
        "alternate_greetings": [],
        "tags": [],
        "creator": "",
        "character_version": "1",
        "extensions": {},
    }
    return {"spec": "chara_card_v2", "spec_version": "2.0", "data": {**blank, **data}}


def v3(**data: Any) -> dict[str, Any]:
    card = v2(group_only_greetings=[], **data)
    return {**card, "spec": "chara_card_v3", "spec_version": "3.0"}


V1 = {
    "name": "Ode",
    "description": "<BOT> mends clocks. Nobody knows how old she is.",
    "personality": "Patient.",
    "scenario": "",
    "first_mes": "Tick.",
    "mes_example": "<START>\n<USER>: What time is it?\n<BOT>: Too late, dear.",
}


def chunk(kind: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


def picture(*chunks: bytes, side: int = 1, rows: int | None = None) -> bytes:
    """A red square, with these chunks behind its header; `rows`: it has only so many."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    line = b"\0" + b"\xff\0\0" * side
    pixels = chunk(b"IDAT", zlib.compress(line * (side if rows is None else rows)))
    body = header + b"".join(chunks) + pixels + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def text_chunk(keyword: str, card: Any) -> bytes:
    packed = base64.b64encode(as_file(card))
    return chunk(b"tEXt", keyword.encode() + b"\0" + packed)


def texts_in(data: bytes) -> dict[str, Any]:
    """The cards in a picture, read by other means than the site's."""
    found, place = {}, 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        kind, content = (
            data[place + 4 : place + 8],
            data[place + 8 : place + 8 + length],
        )
        if kind == b"tEXt":
            keyword, _, text = content.partition(b"\0")
            found[keyword.decode()] = json.loads(base64.b64decode(text))
        place += 12 + length
    return found


def as_file(card: Any) -> bytes:
    return json.dumps(card).encode()


_LORE = {
    "name": "The quay",
    "scan_depth": 50,
    "token_budget": 500,
    "recursive_scanning": False,
    "extensions": {"shelf": {"row": 3}},
    "entries": [
        {
            "keys": ["tide", "flood"],
            "content": "@@depth 4\n@@role system\nThe tide takes the lower stairs.",
            "extensions": {},
            "enabled": True,
            "insertion_order": 10,
            "case_sensitive": None,
            "priority": -1,
            "id": "a-text-and-no-number",
            "comment": "",
            "selective": True,
            "secondary_keys": [],
            "constant": False,
            "position": "before_char",
            "use_regex": False,
        }
    ],
}

_NESTED: dict[str, Any] = {"level": 0}
for _level in range(1, 25):
    _NESTED = {"level": _level, "inner": [_NESTED, None, {}]}

_BIG = {
    "integer": 2**200,
    "negative": -(10**30),
    "whole float": 1.0,
    "whole": 1,
    "yes": True,
    "tiny": 5e-324,
    "large": 1.7976931348623157e308,
    "minus nought": -0.0,
    "third": 0.1 + 0.2,
}

ODD_CARDS: dict[str, tuple[str, bytes]] = {
    "V1, flat, with old placeholders": ("v1", as_file(V1)),
    "V1 with fields of another program": (
        "v1",
        as_file({**V1, "char_greeting": "Hello", "metadata": {"version": 1}}),
    ),
    "lone surrogates and NUL": (
        "v2",
        as_file(
            v2(name="Sur\ud800rogate", description="A \udfff. \0 B", creator="\ud83d")
        ),
    ),
    "nested extensions": ("v2", as_file(v2(extensions={"other/tool": _NESTED}))),
    "a lore book with decorators": ("v2", as_file(v2(character_book=_LORE))),
    "thirty greetings": (
        "v2",
        as_file(v2(alternate_greetings=[f"Good day, number {n}." for n in range(30)])),
    ),
    "{{original}} in its prompts": (
        "v2",
        as_file(
            v2(
                system_prompt="{{original}}\nSpeak as {{char}} only.",
                post_history_instructions="{{original}} Stay brief.",
            )
        ),
    ),
    "a byte order mark": ("v2", b"\xef\xbb\xbf" + as_file(v2(name="Bom"))),
    "letters of many scripts": (
        "v2",
        json.dumps(
            v2(name="数学者 Ångström", description="Θέλει καφέ. 🧮 Всегда. \u202etxet"),
            ensure_ascii=False,
        ).encode(),
    ),
    "nothing in any field": (
        "v2",
        as_file(
            v2(
                **{
                    key: ""
                    for key, value in v2()["data"].items()
                    if value == str(value)
                }
            )
        ),
    ),
    "keys beside spec and data": (
        "v2",
        as_file({**v2(), **V1, "create_date": "2023-5-1", "avatar": "none", "": [[]]}),
    ),
    "numbers of every kind": ("v2", as_file(v2(extensions=_BIG))),
    "extensions and tags that are null": (
        "v2",
        as_file(v2(extensions=None, tags=None, character_book=None)),
    ),
    "fields left out": (
        "v2",
        as_file(
            {"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Half"}}
        ),
    ),
    "twenty tags, some twice, some too long": (
        "v2",
        as_file(v2(tags=["Baker", "BAKER", " ", "a" * 50, *map(str, range(16))])),
    ),
    "a very long description": (
        "v2",
        as_file(v2(description="So it goes on. " * 9_000)),
    ),
    "HTML in the description": (
        "v2",
        as_file(v2(description="<img src=x onerror=alert(1)> <script>1</script> Hi.")),
    ),
    "a conversation of several turns": (
        "v2",
        as_file(
            v2(
                mes_example="Without a start.\n<start>\nMira: I begin.\n{{USER}}: Oh?\n"
                "{{char}}: Yes.\nAnd on.\n{{char}}: And on.\n{{user}}: Fine.\n<START>\n"
            )
        ),
    ),
    "V3 with greetings for groups only": (
        "v3",
        as_file({**v3(), "data": {**v3()["data"], "group_only_greetings": ["All!"]}}),
    ),
    "V3 with pictures in it": (
        "v3",
        as_file(
            v3(
                assets=[
                    {"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"},
                    {
                        "type": "emotion",
                        "uri": "data:image/svg+xml,<svg onload=alert(1)>",
                        "name": "../../glad",
                        "ext": "svg",
                    },
                ]
            )
        ),
    ),
    "V3 with a nickname": (
        "v3",
        as_file(v3(nickname="Mi", description="{{char}} bakes. {{CHAR}} sings.")),
    ),
    "V3 with sources and dates": (
        "v3",
        as_file(
            v3(
                source=["https://cards.example/mira", "id:7"],
                creation_date=1_700_000_000,
                modification_date=1_700_000_000.5,
            )
        ),
    ),
    "V3 with notes in many languages": (
        "v3",
        as_file(
            v3(
                creator_notes_multilingual={
                    "en": "Hello",
                    "ja": "こんにちは",
                    "x-\ud800": "",
                }
            )
        ),
    ),
    "V3 with a version of its own": (
        "v3",
        as_file({**v3(), "spec_version": "3.1-pre"}),
    ),
    "V2 in a picture": ("v2", picture(text_chunk("chara", v2(name="Dot")))),
    "V3 in a picture": ("v3", picture(text_chunk("ccv3", v3(name="Dot")))),
}

TWO_CARDS = {
    "chara": v2(name="Two", description="The shorter one.", extensions={"old": 1.0}),
    "ccv3": v3(name="Two", description="The longer one, of two.", assets=[]),
}
