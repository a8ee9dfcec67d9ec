"""The prompt as it was sent, part by part, each to those who may read it now."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from accounts.models import User
from accounts.services import record
from llmqueue import handlers
from llmqueue.models import LLMAttempt, LLMRequest, PromptPart
from personas.models import PersonaVersion


@dataclass(frozen=True)
class PartView:
    """One part of a stored prompt; `text` None: not for this reader."""

    kind: str
    role: str
    tokens: int
    text: str | None
    is_erased: bool


def prompt_of(attempt: LLMAttempt, *, viewer: User | None) -> list[PartView]:
    """The parts that were sent, in order, with the text of those `viewer` may read.

    What is the site's own (rules, place, delimiters) anybody may who sees the request.
    """
    parts = list(attempt.parts.order_by("position"))
    open_to_viewer = _readable(attempt.request, parts, viewer)
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
    )


def _source(part: PromptPart) -> tuple[str, str]:
    return part.source_kind, part.source_key


def _readable(
    request: LLMRequest, parts: Iterable[PromptPart], viewer: User | None
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
    handler = handlers.find(request.kind)
    if handler is not None:
        found |= handler.readable(sources, viewer)
    return found
