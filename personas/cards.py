"""Character Cards V1, V2 and V3, and what of them a persona here is made of.

Pure functions on what JSON says. The formats are public: V1 is one flat object, V2 and V3
name themselves in `spec` and hold their fields in `data`. What has no place in a persona
(greetings, lore books, extensions of others, fields nobody knows) is never looked into.
"""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Literal

from core import markup
from core.errors import ForllmError
from personas.appearance import fitting_name, fitting_tag, fitting_tags
from personas.definitions import MOST_CHARS, MOST_LINE_CHARS

type Form = Literal["v1", "v2", "v3"]
type Card = dict[str, Any]

FORMS: tuple[Form, ...] = ("v3", "v2", "v1")  # the one that says most is read first

_SPECS: dict[object, Form] = {"chara_card_v2": "v2", "chara_card_v3": "v3"}
_V1_TEXTS = ("description", "personality", "scenario", "first_mes", "mes_example")
_TEXTS = ("name", *_V1_TEXTS, "system_prompt", "nickname")
_V2_BLANK: Card = {
    **dict.fromkeys(("name", *_V1_TEXTS), ""),
    "creator_notes": "",
    "system_prompt": "",
    "post_history_instructions": "",
    "alternate_greetings": [],
    "tags": [],
    "creator": "",
    "character_version": "",
    "extensions": {},
}

NAMELESS = "Nameless"
# A draft may say too much: its editor tells what does not fit. This is where we cut.
MOST_TEXT_CHARS = 25_000
MOST_LIST_LINES = 40
_MOST_ROLE_CHARS = MOST_CHARS["role"]

# What a persona has and a card has not; kept in the card's `extensions` under our name.
_OURS = "forllm"
_EXTRA_LISTS = ("knowledge", "gaps", "constraints")
_HEADINGS = {
    "knowledge": "Knows about:",
    "gaps": "Does not know:",
    "constraints": "Always keeps to:",
}
_ANSWERED = "the person you answer"
_SCENARIO = "Scenario: "


class CardRefused(ForllmError):
    """It is no character card, or a field of it is of another kind than it should be."""

    message = "This is neither a persona that was exported here nor a character card."


def form_of(card: Any) -> Form:
    """Which of the formats `card` is in; raises CardRefused, also for wrong types."""
    if not isinstance(card, dict):
        raise CardRefused
    form: Form = "v1"
    if "spec" in card:
        spec = card["spec"]
        if not isinstance(spec, str) or spec not in _SPECS:
            raise CardRefused("This names a format that is not known here.")
        form = _SPECS[spec]
        if not isinstance(card.get("data"), dict):
            raise CardRefused("This card has no data.")
    elif "name" not in card or not any(name in card for name in _V1_TEXTS):
        raise CardRefused
    _check_types(_data(form, card))
    return form


def _check_types(data: Card) -> None:
    for name in _TEXTS:
        if not isinstance(data.get(name) or "", str):
            raise CardRefused(f"The card's {name} is not a text.")
    if not isinstance(data.get("extensions") or {}, dict):
        raise CardRefused("The card's extensions are not an object.")
    tags = data.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise CardRefused("The card's tags are not a list of texts.")


def values_of(form: Form, card: Card) -> dict[str, Any]:
    """What a draft made of the card holds, by the names of its fields.

    Cleaned as `personas.definitions.check` cleans, so that what nobody edits stays equal.
    """
    data = _data(form, card)
    name = fitting_name(_raw(data, "name")) or NAMELESS
    called = fitting_name(_raw(data, "nickname")) or name
    extras = _extras_of(data)
    description, scenario = _told(data, "description", called), _scenario(data, called)
    context = _unframed(description, extras)
    return {
        "name": name,
        "tags": fitting_tags(data.get("tags") or []),
        "role": extras.get("role") or _first_sentence(description),
        "context": context + scenario if context else scenario.lstrip(),
        "voice": _told(data, "personality", called),
        "instructions": _told(data, "system_prompt", called),
        "sample_queries": _samples(data, name, called),
        "tools": [],
        **{key: extras.get(key, []) for key in _EXTRA_LISTS},
    }


def write(form: Form, kept: dict[Form, Card], values: dict[str, Any]) -> Card:
    """A card of a persona's `values` (named as in `values_of`).

    `kept`: the cards it came from. They are begun with, and only what was changed since
    is written over, so that an unchanged one comes out as it went in.
    """
    if not kept:
        return _fresh(form, values)
    read_form = next(it for it in FORMS if it in kept)
    before = values_of(read_form, kept[read_form])
    changed = {key: values[key] for key in before if values[key] != before[key]}
    if form in kept:
        card = deepcopy(kept[form])
    else:
        card = _converted(form, read_form, deepcopy(kept[read_form]))
    if changed:
        _write_over(_data(form, card), changed, before)
    return card


def clean_long(text: str) -> str:
    """A text as a draft holds it: cleaned, and cut where it is beyond all sense."""
    cleaned = markup.clean_text(text[:MOST_TEXT_CHARS]).strip()
    return "" if markup.is_blank(cleaned) else cleaned


def _data(form: Form, card: Card) -> Card:
    data: Card = card if form == "v1" else card["data"]
    return data


def _raw(data: Card, key: str) -> str:
    return data.get(key) or ""


def _told(data: Card, key: str, called: str) -> str:
    return _filled(clean_long(_raw(data, key)), called)


_PLACE = re.compile(r"\{\{(char|user)\}\}|<(bot|char|user)>", re.IGNORECASE)


def _filled(text: str, called: str) -> str:
    """The text with names where the card has places for them."""
    filled = _PLACE.sub(
        lambda match: _ANSWERED if "user" in match[0].lower() else called, text
    )
    return filled[:MOST_TEXT_CHARS].strip()


def _scenario(data: Card, called: str) -> str:
    """How the scenario ends the context."""
    scenario = _told(data, "scenario", called)
    return f"\n\n{_SCENARIO}{scenario}" if scenario else ""


_SENTENCE = re.compile(
    rf"[^\n]{{1,{_MOST_ROLE_CHARS}}}?(?:[.!?](?=\s|$)|$)", re.MULTILINE
)


def _first_sentence(text: str) -> str:
    """The begin of a description as a role, if a sentence of it is short enough."""
    match = _SENTENCE.match(text)
    return markup.one_line(match[0]) if match else ""


def _samples(data: Card, name: str, called: str) -> list[dict[str, str]]:
    found: list[tuple[str, list[str]]] = []
    text = _raw(data, "mes_example")[:MOST_TEXT_CHARS]
    for block in re.split(r"<START>", text, flags=re.IGNORECASE):
        answers: list[str] | None = None  # none before somebody asked
        for speaker, words in _turns(block, name):
            line = _filled(markup.clean_text(words).strip(), called)
            if speaker == "user" and not markup.is_blank(line):
                answers = []
                found.append((markup.one_line(line), answers))
            elif speaker == "char" and answers is not None:
                answers.append(line)
    return [
        {"query": query, "answer": "\n\n".join(answers).strip()}
        for query, answers in found[:MOST_LIST_LINES]
    ]


def _turns(block: str, name: str) -> Iterator[tuple[Literal["user", "char"], str]]:
    """Who says what in one sample conversation."""
    speakers = r"\{\{(?:user|char)\}\}|<(?:user|bot|char)>"
    if name:
        speakers += f"|{re.escape(name)}"
    starts = re.compile(rf"^[ \t]*({speakers})[ \t]*:", re.MULTILINE | re.IGNORECASE)
    found = list(starts.finditer(block))
    ends = [*(match.start() for match in found[1:]), len(block)]
    for match, end in zip(found, ends, strict=False):
        speaker: Literal["user", "char"] = "char"
        if match[1].lower() in ("{{user}}", "<user>"):
            speaker = "user"
        yield speaker, block[match.end() : end]


def _extras_of(data: Card) -> dict[str, Any]:
    """What we once wrote into the card's extensions, as far as it is well formed."""
    extensions = data.get("extensions")
    ours = extensions.get(_OURS) if isinstance(extensions, dict) else None
    if not isinstance(ours, dict):
        return {}
    found: dict[str, Any] = {"is_framed": ours.get("is_framed") is True}
    if isinstance(role := ours.get("role"), str):
        found["role"] = markup.one_line(role[: 2 * _MOST_ROLE_CHARS])[:_MOST_ROLE_CHARS]
    for key in _EXTRA_LISTS:
        lines = ours.get(key)
        if isinstance(lines, list) and all(isinstance(line, str) for line in lines):
            cleaned = [
                markup.one_line(it)[:MOST_LINE_CHARS] for it in lines[:MOST_LIST_LINES]
            ]
            found[key] = [line for line in cleaned if not markup.is_blank(line)]
    return found


def _frame(extras: dict[str, Any]) -> tuple[str, str]:
    """What stands before and behind the context, for readers who know no extras."""
    lists = [
        "\n".join([_HEADINGS[key], *(f"- {line}" for line in extras[key])])
        for key in _EXTRA_LISTS
        if extras.get(key)
    ]
    return extras.get("role", ""), "\n\n".join(lists)


def _unframed(description: str, extras: dict[str, Any]) -> str:
    """The context in a description that `_fresh` wrote; others as they are."""
    before, behind = _frame(extras)
    is_whole = description.startswith(before) and description.endswith(behind)
    if not extras.get("is_framed") or not is_whole:
        return description
    return description.removeprefix(before).removesuffix(behind).strip()


def _fresh(form: Form, values: dict[str, Any]) -> Card:
    extras = {"role": values["role"], **{key: values[key] for key in _EXTRA_LISTS}}
    before, behind = _frame(extras)
    told = [text for text in (before, values["context"], behind) if text]
    data = _V2_BLANK | {
        "name": values["name"],
        "description": "\n\n".join(told),
        "personality": values["voice"],
        "mes_example": _mes_example(values["sample_queries"]),
        "system_prompt": values["instructions"],
        "tags": list(values["tags"]),
        "extensions": {_OURS: {"is_framed": True, **extras}},
    }
    return _converted(form, "v1", data)


def _mes_example(samples: list[dict[str, str]]) -> str:
    return "\n".join(
        f"<START>\n{{{{user}}}}: {sample['query']}"
        + (f"\n{{{{char}}}}: {sample['answer']}" if sample["answer"] else "")
        for sample in samples
    )


def _converted(form: Form, given: Form, card: Card) -> Card:
    """The card in another format, with all its fields."""
    data = _data(given, card)
    if form == "v1":
        return data
    rest = {} if given == "v1" else {k: card[k] for k in card if k != "data"}
    blank = _V2_BLANK | ({"group_only_greetings": []} if form == "v3" else {})
    spec = {
        "spec": f"chara_card_{form}",
        "spec_version": "3.0" if form == "v3" else "2.0",
    }
    return {**rest, **spec, "data": {**deepcopy(blank), **data}}


def _write_over(data: Card, changed: dict[str, Any], before: dict[str, Any]) -> None:
    for ours, theirs in (
        ("name", "name"),
        ("voice", "personality"),
        ("instructions", "system_prompt"),
    ):
        if ours in changed:
            data[theirs] = changed[ours]
    if "sample_queries" in changed:
        data["mes_example"] = _mes_example(changed["sample_queries"])
    if "tags" in changed:
        theirs_all = data.get("tags") or []
        beyond = [it for it in theirs_all if fitting_tag(it) not in before["tags"]]
        data["tags"] = list(dict.fromkeys([*changed["tags"], *beyond]))
    if "context" in changed:
        _write_context(data, changed["context"], before["name"])
    extras = {key: changed[key] for key in ("role", *_EXTRA_LISTS) if key in changed}
    if extras:
        extensions = data.get("extensions") or {}
        ours_before = extensions.get(_OURS)
        kept = ours_before if isinstance(ours_before, dict) else {}
        data["extensions"] = {**extensions, _OURS: {**kept, **extras}}


def _write_context(data: Card, context: str, name: str) -> None:
    called = fitting_name(_raw(data, "nickname")) or name
    scenario = _scenario(data, called)
    if scenario and context.endswith(scenario):
        context = context.removesuffix(scenario)
    elif "scenario" in data:
        data["scenario"] = ""
    data["description"] = context
