"""The prompt as it was sent, part by part, each to those who may read it now."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from accounts.models import User
from accounts.services import record
from llmqueue import handlers
from llmqueue.models import LLMAttempt, PromptPart
from llmqueue.prompting.prompts import name_of
from personas.models import Identity, PersonaVersion, UserPersonaSettings


@dataclass(frozen=True)
class PartView:
    """One part of a stored prompt; `text` None: not for this reader.

    `picture_id`: which picture was sent after it, None if none was.
    """

    kind: str
    role: str
    tokens: int
    text: str | None
    is_erased: bool
    picture_id: str | None = None

    @property
    def name(self) -> str:
        return name_of(self.kind)

    @property
    def is_hidden(self) -> bool:
        """There is a text, and it is not for this reader."""
        return self.text is None and not self.is_erased


def prompt_of(attempt: LLMAttempt, *, viewer: User | None) -> list[PartView]:
    """The parts that were sent, in order, with the text of those `viewer` may read.

    What is the site's own (rules, place, delimiters) anybody may who sees the request.
    """
    parts = list(attempt.parts.order_by("position"))
    open_to_viewer = _readable(attempt, parts, viewer)
    return [_view(part, _source(part) in open_to_viewer) for part in parts]


@transaction.atomic
def reveal_prompt(attempt: LLMAttempt, *, staff: User) -> list[PartView]:
    """The whole prompt for a member of staff; that they looked is written down."""
    record(
        actor=staff,
        action="prompt read",
        subject=("request", attempt.request.public_id),
        attempt=attempt.number,
    )
    return [_view(part, True) for part in attempt.parts.order_by("position")]


def _view(part: PromptPart, is_readable: bool) -> PartView:
    return PartView(
        kind=part.kind,
        role=part.role,
        tokens=part.tokens,
        text=part.text if is_readable else None,
        is_erased=part.text == "",
        picture_id=part.source_key if part.kind == "picture" else None,
    )


def _source(part: PromptPart) -> tuple[str, str]:
    return part.source_kind, part.source_key


def _readable(
    attempt: LLMAttempt, parts: Iterable[PromptPart], viewer: User | None
) -> set[tuple[str, str]]:
    sources = {_source(part) for part in parts}
    versions = {key for kind, key in sources if kind == "persona_version"}
    found = {("", "")}
    if versions:
        open_ones = PersonaVersion.objects.readable_by(viewer).filter(pk__in=versions)
        found |= {
            ("persona_version", str(pk))
            for pk in open_ones.values_list("pk", flat=True)
        }
    found |= _own(sources, viewer)
    handler = handlers.find(attempt.request.kind)
    if handler is not None:
        found |= handler.readable(attempt, sources, viewer)
    return found


def _own(sources: set[tuple[str, str]], viewer: User | None) -> set[tuple[str, str]]:
    """What the viewer wrote for themselves: to everybody else it is not there."""
    if viewer is None:
        return set()
    keys = {"own_prompt": set[str](), "identity": set[str]()}
    for kind, key in sources:
        keys.get(kind, set()).add(key)
    texts = UserPersonaSettings.objects.filter(user=viewer, pk__in=keys["own_prompt"])
    identities = Identity.objects.of(viewer).filter(pk__in=keys["identity"])
    found = {("own_prompt", str(pk)) for pk in texts.values_list("pk", flat=True)}
    return found | {
        ("identity", str(pk)) for pk in identities.values_list("pk", flat=True)
    }
