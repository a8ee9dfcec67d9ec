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
MOST_NOTE_CHARS = 200
# What a draft may hold in all; a version holds less.
MOST_DRAFT_CHARS = 200_000
# A larger picture is not looked at: it would take too much memory.
MOST_PIXELS = 4_000_000

_CHUNKS = ("ccv3", "chara")  # V3 and V2 in pictures; who reads both takes the first
_TEXTS = ("role", "instructions", "context", "voice")
_LINES = ("knowledge", "gaps", "constraints", "tools")
_FIELDS = (*_TEXTS, *_LINES, "sample_queries")
_ABOUT = ("name", "handle", "avatar", "tags")
_OF_VERSION = (*_FIELDS, "number", "note", "reverted_from")
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

    `about`: name, handle, avatar, tags. `versions` as in Incoming; the newest are taken
    that a file may hold. `draft`: the definition of one that was never published.
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
        entry = {**of_versions.get(str(version["number"]), {}), **version}
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
    if png_text.pixel_count(data) > MOST_PIXELS:
        return b""
    try:
        return images.make_avatar(png_text.with_texts(data, {}))
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
            "role": draft["role"][: cards.MOST_ROLE_CHARS],
        },
        handle=_text("persona", about, "handle"),
        versions=versions,
        kept={**came, **({FORMAT: unknown} if unknown else {})},
    )


def _about(about: Values) -> Values:
    try:
        avatar = appearance.check_emoji(_text("persona", about, "avatar"))
    except EmojiRefused:
        raise PersonaFileRefused("The persona's avatar is not an emoji.") from None
    return {
        "name": cards.clean_name(_text("persona", about, "name")) or cards.NAMELESS,
        "avatar": avatar,
        "tags": cards.clean_tags(_lines("persona", about, "tags")),
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
    if len(note) > MOST_NOTE_CHARS:
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
    """The definition's fields, of the right types and cleaned, if a draft can hold them."""
    texts = {key: _clean(_text(place, entry, key)) for key in _TEXTS}
    lines = {
        key: [markup.one_line(line) for line in _lines(place, entry, key)]
        for key in _LINES
    }
    definition = {
        **texts,
        "role": markup.one_line(texts["role"]),
        **{key: [it for it in lines[key] if not markup.is_blank(it)] for key in lines},
        "sample_queries": _samples(place, entry),
    }
    if len(str(definition)) > MOST_DRAFT_CHARS:
        raise PersonaFileRefused(f"{place}: this is more than a draft can hold.")
    return definition


def _samples(place: str, entry: Values) -> list[dict[str, str]]:
    samples = _list(place, entry, "sample_queries")
    if not all(isinstance(sample, dict) for sample in samples):
        raise PersonaFileRefused(f"{place}: sample_queries are no list of objects.")
    return [
        {
            "query": markup.one_line(_text(place, sample, "query")),
            "answer": _clean(_text(place, sample, "answer")),
        }
        for sample in samples
    ]


def _clean(text: str) -> str:
    cleaned = markup.clean_text(text).strip()
    return "" if markup.is_blank(cleaned) else cleaned


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
        if (rest := _without(entry, _OF_VERSION))
    }
    found = {
        "file": _without(document, ours),
        "persona": _without(about, _ABOUT),
        "versions": versions,
    }
    return {key: value for key, value in found.items() if value}


def _without(entry: Values, known: tuple[str, ...]) -> Values:
    left_out = (*known, *_NEVER)
    return {key: value for key, value in entry.items() if key not in left_out}
