"""Personas in and out: what a file may bring, and what one is given to take away."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from django.db import transaction
from django.db.models.fields.files import FieldFile
from django.utils.crypto import get_random_string

from accounts.models import User
from accounts.services import record
from core import images, markup, png_text, strict_json
from core.errors import HandleRefused, NameRefused
from personas import cards, portable
from personas.errors import PersonaNameTaken
from personas.models import (
    Persona,
    PersonaCard,
    PersonaDraft,
    PersonaVersion,
)
from personas.portable import Incoming, Values
from personas.services import drafts
from personas.services.naming import propose_handles

_TRIES = 9
_DEFINITION = (*PersonaVersion.TEXTS, *PersonaVersion.LISTS)


@transaction.atomic
def import_persona(
    *, importer: User, incoming: Incoming, token: uuid.UUID | None = None
) -> Persona:
    """Begin a private persona of the importer's that nobody meets before it is published.

    Its history is the file's; its name and handle are those of the file if they are free.
    `token` names one showing of the form: the same file sent twice with it gives the
    persona that is already there. Raises what `drafts.create_persona` does.
    """
    # A form that is sent twice waits here for itself.
    User.objects.select_for_update(no_key=True).get(pk=importer.pk)
    submission = _submission(token, importer, incoming)
    if earlier := PersonaCard.objects.sent_before(submission):
        return earlier.persona
    draft = _begin(importer, incoming)
    persona = draft.persona
    picture = images.store_avatar(incoming.avatar) if incoming.avatar else ""
    fields = {**incoming.draft, "name": persona.name, "avatar_image": picture}
    drafts.save_draft(draft=draft, **fields)
    _add_history(persona, incoming.versions, importer)
    PersonaCard.objects.create(
        persona=persona,
        source=strict_json.to_ascii(incoming.kept),
        submission=submission,
    )
    record(
        actor=importer,
        action="persona imported",
        subject=("persona", persona.pk),
        form=incoming.form,
        versions=len(incoming.versions),
    )
    return persona


@dataclass(frozen=True)
class ExportedFile:
    """What is sent to whoever takes a persona away."""

    name: str
    content_type: str
    content: bytes


def export(*, persona: Persona, reader: User | None, form: str) -> ExportedFile | None:
    """The persona as a file; None for a form that it cannot have.

    `form`: "forllm" (our own), "v2" or "v3" (cards), "png" (both cards in a picture), or
    "v1" for one that came so. An unpublished persona is told as `reader` drafted it.
    Beside a version stands who wrote it. Neither whose the persona is, nor who may meet
    it, nor what it answers with is ever in it; what it was imported from only for those
    who shape it, as that was never published.
    """
    kept = _kept(persona, reader)
    values = _values(persona, reader)
    if form == "forllm":
        content = _in_our_format(persona, values, kept)
    elif form == "png":
        content = portable.as_picture(_picture(values["avatar_image"]), kept, values)
    elif form in ("v2", "v3") or (form == "v1" and form in kept):
        content = strict_json.to_bytes(
            cards.write(cast(cards.Form, form), portable.cards_of(kept), values)
        )
    else:
        return None
    if form == "png":
        return ExportedFile(f"{persona.slug}.png", "image/png", content)
    name = f"{persona.slug}.{'persona' if form == 'forllm' else form}.json"
    return ExportedFile(name, "application/json", content)


def _in_our_format(persona: Persona, values: Values, kept: Values) -> bytes:
    history = persona.versions.order_by("number").with_authors()
    is_met = persona.current_version is not None
    document = portable.write(
        about={
            "name": values["name"],
            "handle": str(persona.handle),
            "avatar": values["avatar"],
            "tags": values["tags"],
            **portable.picture_of(_avatar(values["avatar_image"])),
        },
        versions=[_entry(version) for version in history],
        draft=None if is_met else {name: values[name] for name in _DEFINITION},
        kept=kept,
    )
    return strict_json.to_bytes(document)


def _picture(avatar_image: FieldFile) -> bytes:
    """The persona's picture as PNG; a plain one if it has none."""
    if avatar := _avatar(avatar_image):
        return images.as_png(avatar)
    return png_text.plain_picture(400, 600, (90, 84, 76))


def _avatar(avatar_image: FieldFile) -> bytes:
    """The persona's picture as it is stored, empty if there is none."""
    name = (avatar_image.name or "").rpartition("/")[2]
    return images.read_avatar(name) or b""


def came_as(persona: Persona, *, reader: User | None) -> set[str]:
    """The forms of card that the persona came in, for those who shape it."""
    return set(portable.cards_of(_kept(persona, reader)))


def _kept(persona: Persona, reader: User | None) -> Values:
    """What a file brought that no version says; nothing for who does not shape it."""
    if not persona.is_shaped_by(reader):
        return {}
    card = PersonaCard.objects.filter(persona=persona).first()
    kept: Values = json.loads(card.source) if card else {}
    return kept


def _values(persona: Persona, reader: User | None) -> Values:
    """The persona as the reader knows it, by the names of a draft's fields."""
    shown: Persona | PersonaDraft = persona
    told: PersonaDraft | PersonaVersion | None = persona.current_version
    if told is None:
        own = PersonaDraft.objects.filter(persona=persona, editor=reader).first()
        told = own or PersonaDraft()
        shown = own or persona
    return {
        **told.definition,
        "name": shown.name,
        "avatar": shown.avatar,
        "avatar_image": shown.avatar_image,
        "tags": shown.tags,
    }


def _entry(version: PersonaVersion) -> Values:
    source, author = version.reverted_from, version.created_by
    return {
        "number": version.number,
        "created_at": version.created_at.isoformat(timespec="seconds"),
        "created_by": author.handle.name if author else None,
        "note": version.note,
        "reverted_from": source.number if source else None,
        **version.definition,
    }


def _submission(
    token: uuid.UUID | None, importer: User, incoming: Incoming
) -> uuid.UUID | None:
    if token is None:
        return None
    return uuid.uuid5(token, f"{importer.pk} {incoming.digest}")


def _add_history(persona: Persona, versions: list[Values], importer: User) -> None:
    """Rows that can be looked at and gone back to; none of them is what others meet."""
    rows: dict[int | None, PersonaVersion] = {}
    for values in versions:
        fields: dict[str, Any] = {
            **values,
            "reverted_from": rows.get(values["reverted_from"]),
        }
        rows[values["number"]] = PersonaVersion.objects.create(
            persona=persona, created_by=importer, **fields
        )


def _begin(importer: User, incoming: Incoming) -> PersonaDraft:
    """A new persona under the first name and handle that can be had."""
    names = _names(incoming.draft["name"], importer)
    handles = _handles(incoming.handle or incoming.draft["name"], importer)
    name, handle = next(names), next(handles)
    while True:
        try:
            return drafts.create_persona(creator=importer, name=name, handle=handle)
        except HandleRefused:
            handle = next(handles)
        except (PersonaNameTaken, NameRefused):
            name = next(names)


def _names(wanted: str, importer: User) -> Iterator[str]:
    yield wanted
    behind = f" of {importer.handle}"
    longer = f"{wanted[: markup.MOST_NAME_CHARS - len(behind) - 8].strip()}{behind}"
    short = wanted[: markup.MOST_NAME_CHARS - 2].strip()
    yield from (f"{short} {number}" for number in range(2, _TRIES))
    yield longer
    for number in range(2, _TRIES):
        yield f"{longer} {number}"
    while True:  # such as names in letters of several scripts
        yield f"Imported {_letters()}"


def _handles(wanted: str, importer: User) -> Iterator[str]:
    creator = importer.handle.name
    yield from propose_handles(name=wanted, creator=creator)
    yield from propose_handles(name="imported", creator=creator)
    while True:
        yield f"imported-{_letters()}"


def _letters() -> str:
    return get_random_string(6, "abcdefghjkmnpqrstuwxyz")
