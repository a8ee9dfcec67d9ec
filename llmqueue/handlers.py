"""What the queue asks of the app a request belongs to, and who answers for each kind.

The queue knows nothing of forums. An app registers one handler for a kind of request in
its `apps.py`; through it, news goes up without an import going up.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from django.db.models import Q, QuerySet

from accounts.models import User
from core.errors import ForllmError
from llmconfig.models import Endpoint, LLMConfig, ModelProfile
from llmqueue.errors import Refused
from llmqueue.models import LLMAttempt, LLMRequest, Status
from personas.models import Persona, PersonaVersion


@dataclass(frozen=True)
class OnTrial:
    """What answers on trial, whoever could meet it: a version, or a draft made into one.

    `version`: a draft's is not saved. `source`: (kind, key) of the prompt's parts that are
    made of it.
    """

    version: PersonaVersion
    source: tuple[str, str]


@dataclass(frozen=True)
class Inputs:
    """All that decides who answers a request, before any default is looked up.

    `member` None: the site itself asks. `assigned`: ids of the personas assigned to
    the place; empty means any. `lost_persona`: a persona was asked for and is gone.
    `on_trial` answers without being looked for: the handler has checked its rights.
    `pictures`: how many the text to answer has.
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
    on_trial: OnTrial | None = None
    pictures: int = 0


@dataclass(frozen=True)
class Illustration:
    """A picture beside a text. `file` names it for `core.images`, `alt` is a member's.

    `source`: (kind, key) of what it is, for the prompt's parts made of it.
    """

    file: str
    alt: str
    width: int
    height: int
    source: tuple[str, str]


@dataclass(frozen=True)
class Passage:
    """One earlier text. `persona_id` names the persona that wrote it, None a member."""

    number: int
    author: str
    text: str
    source_key: str
    persona_id: int | None = None
    pictures: Sequence[Illustration] = ()


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


@dataclass(frozen=True)
class Subject:
    """What a request is about, in the words of its app, and the place it belongs to."""

    title: str
    url: str
    place: str
    place_url: str


class Handler(Protocol):
    """What an app does for its kind of request."""

    kind: str
    # Nobody but whoever asked, and staff, learns that such a request is there.
    is_private: bool
    # Another model may answer where the one chosen fails or declines.
    may_fall_back: bool

    def inputs(self, request: LLMRequest) -> Inputs:
        """Check every right anew and say what decides the choice; raises Refused."""

    def messages(self, request: LLMRequest, *, most_passages: int) -> Conversation:
        """What the model is to be shown, with at most `most_passages` earlier texts."""

    def deliver(self, attempt: LLMAttempt, *, text: str, html: str) -> None:
        """Put the answer in its place, inside the closing transaction.

        Checks every right once more; raises Refused, and then nothing is kept.
        """

    def ended(self, request: LLMRequest, status: Status) -> None:
        """Tell whoever asked that it failed or was cancelled, not by themselves.

        Inside the transaction that ends the request.
        """

    def visible(self, user: User | None) -> Q:
        """Which requests of this kind `user` (None: a guest) may see in the queue."""

    def with_subjects(self, requests: QuerySet[LLMRequest]) -> QuerySet[LLMRequest]:
        """`requests` with what `subjects` and `outlook` want of them joined."""

    def subjects(self, requests: Iterable[LLMRequest]) -> dict[int, Subject]:
        """What these requests are about, by the request's id; no query.

        A request whose subject is gone has no entry; it is shown all the same.
        """

    def outlook(self, requests: Iterable[LLMRequest]) -> "dict[int, Inputs | Refused]":
        """What would decide who answers if it ran now, or what would refuse it.

        By the rules of `inputs`, in at most one query for all of them.
        """

    def readable(
        self,
        attempt: LLMAttempt,
        sources: Collection[tuple[str, str]],
        user: User | None,
    ) -> set[tuple[str, str]]:
        """Those of `sources` whose text, as `attempt` sent it, `user` may read now.

        `sources`: (kind, key) of its prompt's parts.
        """

    def find_place(self, name: str) -> tuple[str, str] | None:
        """The (kind, key) of the place with this name in addresses; None: no such."""

    def why_not_retried(self, request: LLMRequest) -> ForllmError | None:
        """What stands against asking again; of a row of `with_subjects`, no query."""

    def retry(self, *, request: LLMRequest, member: User) -> LLMRequest:
        """Ask again for what failed or was cancelled; the new request names the old.

        `services.retry` has checked that `member` may. Raises our errors when it cannot
        be asked any more, having written nothing.
        """


_handlers: dict[str, Handler] = {}


def register(handler: Handler) -> None:
    """Make `handler` answer for its kind."""
    _handlers[handler.kind] = handler


def every() -> list[Handler]:
    """The handlers of all kinds, in the order of their registration."""
    return list(_handlers.values())


def find(kind: str) -> Handler | None:
    """The handler of this kind, None when no app has one."""
    return _handlers.get(kind)


def may_fall_back(kind: str) -> bool:
    """Whether another model may answer where the one chosen does not."""
    handler = find(kind)
    return handler is not None and handler.may_fall_back


def handler_for(request: LLMRequest) -> Handler:
    """The handler of the request's kind; raises Refused when no app has one."""
    if request.kind not in _handlers:
        raise Refused("unknown_kind", is_failure=True)
    return _handlers[request.kind]
