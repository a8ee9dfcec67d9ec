"""Whom a reader of requests may know: outside its posts a private persona shows nothing."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from accounts.access import member_of
from llmqueue.models import LLMAttempt, LLMRequest, Status
from personas.models import Persona, Visibility

NAMELESS = "a private persona"


class KnownNames:
    """What `viewer` may know of the personas that `requests` name; at most one query.

    The rows have their answerer and last attempt joined, those of `history.with_answers`
    also whether it is open to the viewer and the answer is still there; `earlier`: further
    attempts for them. Who asked knows whom they asked, staff everybody, others what they
    may use; and an answer that stands in the topic names its persona to all who read it.
    """

    def __init__(
        self,
        requests: Iterable[LLMRequest],
        viewer: object,
        *,
        earlier: Iterable[LLMAttempt] = (),
    ) -> None:
        self._requests = list(requests)
        self.viewer = member_of(viewer)
        self._earlier = {_persona_of(attempt) for attempt in earlier}

    def name_of(self, request: LLMRequest) -> str:
        """`request.answerer_name` for the viewer; blank while nobody in particular is."""
        is_known = not request.answerer_name or self.knows_answerer(request)
        return request.answerer_name if is_known else NAMELESS

    def knows_answerer(self, request: LLMRequest) -> bool:
        """Whether the viewer may know who answers, as far as that is decided."""
        return self._knows(request, request.answerer_id)

    def receipt(self, request: LLMRequest, receipt: dict[str, Any]) -> dict[str, Any]:
        """`receipt` (`Receipt.as_json`) of `request`, or what is left without a name."""
        if self._knows(request, receipt["persona"]["id"]):
            return receipt
        steps = {
            ladder: [step | {"why": ""} for step in taken]
            for ladder, taken in receipt["steps"].items()
        }
        nobody = {"id": None, "name": NAMELESS, "version": None}
        return receipt | {"persona": nobody, "steps": steps, "notes": []}

    def _knows(self, request: LLMRequest, persona_id: int | None) -> bool:
        if request.may_be_managed_by(self.viewer):
            return True
        if stands(request) and persona_id == request.answerer_id:
            return True
        return persona_id is not None and persona_id not in self._hidden

    @cached_property
    def _hidden(self) -> set[int]:
        """Those of the personas that are not everybody's and not the viewer's either."""
        rows = self._requests
        closed = {it.answerer_id for it in rows if self._is_closed(it)}
        hidden = {pk for pk in closed if pk is not None}
        wanted = self._earlier.union(*(_in_doubt(it) for it in rows)) - hidden
        if not wanted:
            return hidden
        known = Persona.objects.filter(pk__in=wanted).open_to(self.viewer)
        return hidden | (wanted - set(known.values_list("pk", flat=True)))

    def _is_closed(self, request: LLMRequest) -> bool:
        """Whether the row alone says that its answerer is nobody's whom the viewer knows."""
        is_anyones = self.viewer is not None or _is_public(request)
        return not getattr(request, "is_answerer_open", is_anyones)


def _in_doubt(request: LLMRequest) -> set[int]:
    """The personas of a request of which its row does not say that all know them.

    The default personas are everybody's by constraint, so those asked for remain.
    """
    if stands(request):
        return set()
    named = {request.answerer_id, request.persona_id}
    if request.last_attempt is not None:
        named.add(_persona_of(request.last_attempt))
    # As `history.with_answers` has found for the viewer.
    if getattr(request, "is_answerer_open", _is_public(request)):
        named.discard(request.answerer_id)
    return {pk for pk in named if pk is not None}


def stands(request: LLMRequest) -> bool:
    """Whether its answer is still to be read, as `history.with_answers` has found."""
    return request.status == Status.COMPLETE and getattr(request, "has_answer", False)


def _is_public(request: LLMRequest) -> bool:
    answerer = request.answerer
    return answerer is not None and answerer.visibility == Visibility.PUBLIC


def _persona_of(attempt: LLMAttempt) -> int:
    found: int = attempt.receipt["persona"]["id"]
    return found
