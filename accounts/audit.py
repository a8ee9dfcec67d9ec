"""The record of changes as its page tells it."""

from collections.abc import Iterable
from dataclasses import dataclass

from accounts.audit_words import sentence_of, word_for
from accounts.models import AuditEvent, User
from accounts.subjects import Named, find_named

type Thing = tuple[str, str]

# Of these a name that an event has kept is not shown: they may want to be forgotten.
_NAMED_LIVE = frozenset(("persona", "personaversion", "user"))
# Facts that are the key of a thing, by what the thing is.
_KINDS_OF_FACTS = {"persona": "persona"}
# Of these `before` and `after` are keys of models.
_ABOUT_MODELS = frozenset(("aisettings default_changed", "persona model_changed"))


@dataclass(frozen=True)
class Fact:
    """One part of an event's detail in words; `url` is blank for plain values."""

    name: str
    value: str
    url: str = ""


@dataclass(frozen=True)
class Told:
    """An event as a sentence: who, `before`, what it was done to, `after`.

    `subject` is blank if the sentence names none; `url`: its page, blank if there is none.
    """

    event: AuditEvent
    before: str
    subject: str
    url: str
    after: str
    facts: list[Fact]


def tell(events: Iterable[AuditEvent], *, viewer: User) -> list[Told]:
    """The events in words, with the names that things have now; a query a kind of thing."""
    events = list(events)
    wanted = {(it.subject_kind, it.subject_key) for it in events}
    for event in events:
        wanted |= {_thing_in(event, *fact) for fact in event.detail.items()}
    named = find_named(wanted, viewer=viewer)
    return [_tell(event, named) for event in events]


def _tell(event: AuditEvent, named: dict[Thing, Named]) -> Told:
    before, place, after = sentence_of(event.action).partition("{}")
    kind, key = event.subject_kind, event.subject_key
    found = named.get((kind, key))
    stored = "" if kind in _NAMED_LIVE else event.detail.get("name")
    name = found.name if found else stored or key
    return Told(
        event=event,
        before=before,
        subject=f"{word_for(kind)} {name}" if place else "",
        url=found.url if found else "",
        after=after,
        facts=[
            _fact(name, value, named.get(_thing_in(event, name, value)))
            for name, value in event.detail.items()
            if name != "name"
        ],
    )


def _thing_in(event: AuditEvent, name: str, value: object) -> Thing:
    """What the value of a fact is the key of; of a kind that is none if of nothing."""
    kind = _KINDS_OF_FACTS.get(name, "")
    if name in ("before", "after") and event.action in _ABOUT_MODELS:
        kind = "llmconfig"
    return kind, str(value)


def _fact(name: str, value: object, thing: Named | None) -> Fact:
    label = name.removeprefix("is_").replace("_", " ")
    if thing is not None:
        return Fact(label, thing.name, thing.url)
    return Fact(label, _in_words(value))


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        parts = (
            f"{name.replace('_', ' ')} {_in_words(it)}" for name, it in value.items()
        )
        return ", ".join(parts) or "none"
    said = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return "none" if value is None else said or "none"
