"""What the queue asks of the app a request belongs to, and who answers for each kind.

The queue knows nothing of forums. An app registers one handler for a kind of request in
its `apps.py`; through it, news goes up without an import going up.
"""

from dataclasses import dataclass, field
from typing import Protocol

from accounts.models import User
from llmconfig.models import Endpoint, LLMConfig, ModelProfile
from llmqueue.errors import Refused
from llmqueue.models import LLMAttempt, LLMRequest
from personas.models import Persona


@dataclass(frozen=True)
class Inputs:
    """All that decides who answers a request, before any default is looked up.

    `member` None: the site itself asks. `assigned`: ids of the personas assigned to
    the place; empty means any. `lost_persona`: a persona was asked for and is gone.
    """

    member: User | None
    persona: Persona | None = None
    config: LLMConfig | None = None
    endpoint: Endpoint | None = None
    mode: str = "general"
    assigned: frozenset[int] = frozenset()
    place_default: Persona | None = None
    place_profile: ModelProfile | None = None
    lost_persona: bool = False


@dataclass(frozen=True)
class Passage:
    """One earlier text. `persona_id` names the persona that wrote it, None a member."""

    number: int
    author: str
    text: str
    source_key: str
    persona_id: int | None = None


@dataclass(frozen=True)
class Conversation:
    """What the model is shown of a place.

    `place` is the site's own words, `title` a member's. `passages`: the earlier texts, most
    important first, without `target`, which is the text to answer. `opening`: the number
    of the passage that is never left out.
    """

    place: str
    target: Passage
    title: str = ""
    opening: int | None = None
    passages: list[Passage] = field(default_factory=list)
    source_kind: str = "post"


class Handler(Protocol):
    """What an app does for its kind of request."""

    kind: str

    def inputs(self, request: LLMRequest) -> Inputs:
        """Check every right anew and say what decides the choice; raises Refused."""

    def messages(self, request: LLMRequest, *, most_passages: int) -> Conversation:
        """What the model is to be shown, with at most `most_passages` earlier texts."""

    def deliver(self, attempt: LLMAttempt, *, text: str, html: str) -> None:
        """Put the answer in its place, inside the closing transaction.

        Checks every right once more; raises Refused, and then nothing is kept.
        """


_handlers: dict[str, Handler] = {}


def register(handler: Handler) -> None:
    """Make `handler` answer for its kind."""
    _handlers[handler.kind] = handler


def handler_for(request: LLMRequest) -> Handler:
    """The handler of the request's kind; raises Refused when no app has one."""
    if request.kind not in _handlers:
        raise Refused("unknown_kind", is_failure=True)
    return _handlers[request.kind]
