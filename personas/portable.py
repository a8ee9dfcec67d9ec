"""Personas in files: our own format, character cards, and pictures that hold cards.

Pure functions on bytes and plain values; `docs/persona-format.md` describes the format.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from core import images, markup, png_text, strict_json
from core.errors import ForllmError, ImageRefused
from personas import appearance, cards, definitions
from personas.errors import DefinitionRefused, EmojiRefused

FORMAT = "forllm-persona"
FORMAT_VERSION = 1
MOST_VERSIONS = 500
MOST_NUMBER = 1_000_000
# A larger picture is not looked at: it would take too much memory.
MOST_PIXELS = 4_000_000
# In our own format, where it takes room from the versions; ours are smaller.
MOST_PICTURE_BYTES = 256 * 1024

# How JPEG, GIF and WebP begin; and what may stand before JSON.
_OTHER_PICTURES = (b"\xff\xd8\xff", b"GIF8", b"RIFF")
_BLANK = b"\xef\xbb\xbf \t\r\n"
_CHUNKS = ("ccv3", "chara")  # V3 and V2 in pictures; who reads both takes the first
_LINES = ("knowledge", "gaps", "constraints", "tools")
_FIELDS = tuple(definitions.LABELS)
_ABOUT = ("name", "handle", "avatar", "tags", "picture")
_OF_VERSION = (*_FIELDS, "number", "note", "reverted_from")
# What a file says of who wrote a version and when: written back, and believed nowhere.
_CLAIMS = ("created_at", "created_by")
_MOST_CLAIM_CHARS = 60
# Whose a persona is and what it answers with is this site's matter, in no file's hands.
_NEVER = ("owner", "owners", "visibility", "groups", "config", "key", "email")
# A larger one would leave no room for versions in a file that can be read again.
_MOST_CARD_BYTES = strict_json.MOST_BYTES // 2

type Values = dict[str, Any]


class PersonaFileRefused(ForllmError):
    """The file is in our format and says what cannot be."""


@dataclass(frozen=True)
class Incoming:
    """A persona that a file tells of, checked and cleaned.

    `draft`: fields of a PersonaDraft by name, not more than it can store. `versions`:
    rows of PersonaVersion, oldest first, with `reverted_from` as a number. `kept`: what
    to write back, the cards by form and what was unknown of our own format. `digest`
    names the file. `avatar`: the picture it is in, made anew; empty if there is none.
    """

    form: str
    draft: Values
    handle: str = ""
    versions: list[Values] = field(default_factory=list)
    kept: Values = field(default_factory=dict)
    digest: str = ""
    avatar: bytes = b""


def read(data: bytes) -> Incoming:
    """The persona in an uploaded file, told by its content.

    Raises JsonRefused, PngRefused, CardRefused or PersonaFileRefused.
    """
    return replace(_read(data), digest=hashlib.sha256(data).hexdigest())


def _read(data: bytes) -> Incoming:
    if png_text.is_png(data):
        found = _of_cards("png", _cards_in_picture(data))
        return replace(found, avatar=_avatar_in(data))
    if not data:
        raise cards.CardRefused("This file is empty.")
    if data.startswith(_OTHER_PICTURES):
        raise cards.CardRefused(
            "This picture holds no character card: cards are in PNG pictures, and this"
            " one is a JPEG, GIF or WebP, whatever its name says."
        )
    if not data.lstrip(_BLANK).startswith((b"{", b"[")):
        raise cards.CardRefused
    document = strict_json.parse(data)
    if isinstance(document, dict) and document.get("format") == FORMAT:
        return _of_ours(document)
    form = cards.form_of(document)
    return _of_cards(form, {form: document})


def as_picture(picture: bytes, kept: Values, values: Values) -> bytes:
    """A PNG with the persona as V2 and V3 card in its texts."""
    forms: dict[str, cards.Form] = {"chara": "v2", "ccv3": "v3"}
    texts = {
        chunk: base64.b64encode(
            strict_json.to_bytes(cards.write(form, cards_of(kept), values))
        )
        for chunk, form in forms.items()
    }
    return png_text.with_texts(picture, texts)


def cards_of(kept: Values) -> dict[cards.Form, cards.Card]:
    """The cards among what is kept of an import."""
    return {form: kept[form] for form in cards.FORMS if form in kept}


def write(
    *, about: Values, versions: list[Values], draft: Values | None, kept: Values
) -> Values:
    """A persona in our own format.

    `about`: name, handle, avatar, tags, picture. `versions` as in Incoming, and with
    `created_at` and `created_by` as texts; the newest are taken that a file may hold.
    `draft`: the definition of one that was never published.
    """
    unknown = kept.get(FORMAT, {})
    document: Values = {
        **unknown.get("file", {}),
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "persona": {**unknown.get("persona", {}), **about},
        "versions": [],
    }
    if draft is not None:
        document["draft"] = draft
    came = cards_of(kept)
    if came and len(strict_json.to_bytes(came)) <= _MOST_CARD_BYTES:
        document["card"] = came
    of_versions = unknown.get("versions", {})
    room = strict_json.MOST_BYTES - len(strict_json.to_bytes(document))
    taken: list[Values] = []
    for version in versions[: -MOST_VERSIONS - 1 : -1]:
        came_so = of_versions.get(str(version["number"]), {})
        claims = {key: came_so[key] for key in _CLAIMS if key in came_so}
        entry = {**came_so, **version, **claims}
        room -= len(strict_json.to_bytes(entry)) + 2
        if room < 0:
            break
        taken.insert(0, entry)
    numbers = {entry["number"] for entry in taken}
    for entry in taken:
        if entry["reverted_from"] not in numbers:
            entry["reverted_from"] = None
    document["versions"] = taken
    return document


def picture_of(avatar: bytes) -> Values:
    """How `about` says this picture; nothing if there is none, or it takes too much room."""
    if not 0 < len(avatar) <= MOST_PICTURE_BYTES:
        return {}
    return {"picture": base64.b64encode(avatar).decode()}


def _cards_in_picture(data: bytes) -> dict[cards.Form, cards.Card]:
    found: dict[cards.Form, cards.Card] = {}
    for text in png_text.read_texts(data, _CHUNKS).values():
        try:
            card = strict_json.parse(_unpacked(text))
        except binascii.Error:
            raise cards.CardRefused(
                "The text in this picture is not in base64, so it is no card."
            ) from None
        found.setdefault(cards.form_of(card), card)
    if not found:
        raise cards.CardRefused("This picture holds no character card.")
    return found


def _avatar_in(data: bytes) -> bytes:
    """The picture as an avatar, if it can be one; the card counts without it too."""
    try:
        bare = png_text.with_texts(data, {})
        return images.make_avatar(bare, most_pixels=MOST_PIXELS)
    except ImageRefused:
        return b""


def _unpacked(text: bytes) -> bytes:
    if len(text) > 2 * strict_json.MOST_BYTES:
        raise strict_json.JsonRefused("This is more than 1 MiB of JSON.")
    return base64.b64decode(text, validate=True)


def _of_cards(form: str, kept: dict[cards.Form, cards.Card]) -> Incoming:
    read_form = next(it for it in cards.FORMS if it in kept)
    values = cards.values_of(read_form, kept[read_form])
    return Incoming(form, draft=values, kept={str(name): kept[name] for name in kept})


def _of_ours(document: Values) -> Incoming:
    if document.get("format_version") != FORMAT_VERSION:
        raise PersonaFileRefused("This version of our format is not read here.")
    about = _object(document, "persona")
    versions = list(_versions(document))
    told = document.get("draft")
    if told is not None:
        draft = _definition("draft", _object(document, "draft"))
    elif versions:
        draft = {key: versions[-1][key] for key in _FIELDS}
    else:
        draft = _definition("draft", {})
    came = document.get("card", {})
    if not isinstance(came, dict) or not set(came) <= set(cards.FORMS):
        raise PersonaFileRefused("The card of this persona is none.")
    for form, card in came.items():
        if cards.form_of(card) != form:
            raise PersonaFileRefused("The card of this persona is none.")
    unknown = _unknown(document, about)
    return Incoming(
        FORMAT,
        draft={
            **draft,
            **_about(about),
            "role": draft["role"][: definitions.MOST_CHARS["role"]],
        },
        handle=_text("persona", about, "handle"),
        versions=versions,
        avatar=_picture(about),
        kept={**came, **({FORMAT: unknown} if unknown else {})},
    )


def _picture(about: Values) -> bytes:
    """The persona's picture, made anew; empty if it has none."""
    try:
        data = base64.b64decode(_text("persona", about, "picture"), validate=True)
    except ValueError:
        raise PersonaFileRefused("The persona's picture is not in base64.") from None
    if len(data) > MOST_PICTURE_BYTES:
        raise PersonaFileRefused("The persona's picture has more than 256 KiB.")
    try:
        return images.make_avatar(data, most_pixels=MOST_PIXELS) if data else b""
    except ImageRefused as error:
        raise PersonaFileRefused(error.message) from None


def _about(about: Values) -> Values:
    try:
        avatar = appearance.check_emoji(_text("persona", about, "avatar"))
    except EmojiRefused:
        raise PersonaFileRefused("The persona's avatar is not an emoji.") from None
    return {
        "name": appearance.fitting_name(_text("persona", about, "name"))
        or cards.NAMELESS,
        "avatar": avatar,
        "tags": appearance.fitting_tags(_lines("persona", about, "tags")),
    }


def _versions(document: Values) -> Iterator[Values]:
    entries = document.get("versions", [])
    if not isinstance(entries, list):
        raise PersonaFileRefused("The versions of this persona are no list.")
    if len(entries) > MOST_VERSIONS:
        raise PersonaFileRefused(
            f"These are {len(entries):,} versions; at most {MOST_VERSIONS} are read."
        )
    seen: list[int] = []
    for entry in entries:
        if not isinstance(entry, dict):
            raise PersonaFileRefused("A version of this persona is no object.")
        number = entry.get("number")
        if type(number) is not int or not (seen or [0])[-1] < number <= MOST_NUMBER:
            raise PersonaFileRefused(
                "The versions' numbers are not whole, positive and rising."
            )
        yield {"number": number, **_version(f"version {number}", entry, seen)}
        seen.append(number)


def _version(place: str, entry: Values, seen: list[int]) -> Values:
    note = markup.one_line(_text(place, entry, "note"))
    if len(note) > definitions.MOST_NOTE_CHARS:
        raise PersonaFileRefused(f"{place}: the note is too long.")
    source = entry.get("reverted_from")
    if source is not None and (type(source) is not int or source not in seen):
        raise PersonaFileRefused(f"{place}: what it goes back to is not before it.")
    return {
        "note": note,
        "reverted_from": source,
        **_published(place, _definition(place, entry)),
    }


def _published(place: str, definition: Values) -> Values:
    """A definition as a version may have it: right, or erased as a whole."""
    if not any(definition.values()):
        return definition
    try:
        return definitions.check(definition)
    except DefinitionRefused as error:
        name, problem = next(iter(error.problems.items()))
        raise PersonaFileRefused(f"{place}: {name}: {problem}") from None


def _definition(place: str, entry: Values) -> Values:
    """The definition's fields, of the right types and tidied, if a draft can hold them."""
    given: Values = {
        **{key: _text(place, entry, key) for key in definitions.MOST_CHARS},
        **{key: _lines(place, entry, key) for key in _LINES},
        "sample_queries": _samples(place, entry),
    }
    tidied, _ = definitions.look_over(given)
    # Unknown ones too: they are what a version cannot have.
    keys = (markup.one_line(key) for key in given["tools"])
    tidied["tools"] = [key for key in keys if not markup.is_blank(key)]
    if not definitions.is_storable(tidied):
        raise PersonaFileRefused(f"{place}: this is more than a draft can hold.")
    return tidied


def _samples(place: str, entry: Values) -> list[dict[str, str]]:
    samples = _list(place, entry, "sample_queries")
    if not all(isinstance(sample, dict) for sample in samples):
        raise PersonaFileRefused(f"{place}: sample_queries are no list of objects.")
    return [
        {key: _text(place, sample, key) for key in ("query", "answer")}
        for sample in samples
    ]


def _text(place: str, entry: Values, key: str) -> str:
    text = entry.get(key, "")
    if not isinstance(text, str):
        raise PersonaFileRefused(f"{place}: {key} is not a text.")
    return text


def _lines(place: str, entry: Values, key: str) -> list[str]:
    lines = _list(place, entry, key)
    if not all(isinstance(line, str) for line in lines):
        raise PersonaFileRefused(f"{place}: {key} is not a list of texts.")
    return lines


def _list(place: str, entry: Values, key: str) -> list[Any]:
    found = entry.get(key, [])
    if not isinstance(found, list):
        raise PersonaFileRefused(f"{place}: {key} is not a list.")
    return found


def _object(entry: Values, key: str) -> Values:
    found = entry.get(key)
    if not isinstance(found, dict):
        raise PersonaFileRefused(f"This persona has no {key}.")
    return found


def _unknown(document: Values, about: Values) -> Values:
    """What no field of ours is, to be written back."""
    ours = ("format", "format_version", "persona", "versions", "draft", "card")
    versions = {
        str(entry["number"]): rest
        for entry in document.get("versions", [])
        if (rest := _without(entry, (*_OF_VERSION, *_not_short(entry))))
    }
    found = {
        "file": _without(document, ours),
        "persona": _without(about, _ABOUT),
        "versions": versions,
    }
    return {key: value for key, value in found.items() if value}


def _not_short(entry: Values) -> list[str]:
    """Those of the claims that are no short text; they are not kept."""
    claims = {key: entry.get(key) for key in _CLAIMS}
    return [
        key
        for key, claim in claims.items()
        if not isinstance(claim, str) or len(claim) > _MOST_CLAIM_CHARS
    ]


def _without(entry: Values, known: tuple[str, ...]) -> Values:
    left_out = (*known, *_NEVER)
    return {key: value for key, value in entry.items() if key not in left_out}
