"""The queue's page: which requests a viewer may see, and a page of them.

Pages are found by key, so the thousandth costs what the first does.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    BooleanField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)

from accounts.access import member_of
from accounts.models import User
from llmqueue import handlers
from llmqueue.handlers import Subject
from llmqueue.live.streams import Leases
from llmqueue.models import FINAL, LLMRequest, LLMRequestQuerySet
from llmqueue.pages import askers_of_rows
from llmqueue.pages.outlook import Answerer, who_answers
from personas.models import Persona

PAGE_SIZE = 25
# Open requests whose changes the page hears of at once; others come with its next look.
MOST_FOLLOWED = 50
MOST_OWN = 5


@dataclass(frozen=True)
class Filters:
    """What the page is narrowed to; empty means all. `place` is (kind, key)."""

    status: str = ""
    persona: int | None = None
    model: str = ""
    place: tuple[str, str] | None = None
    member: int | None = None

    @property
    def is_set(self) -> bool:
        return self != Filters()

    def as_q(self) -> Q:
        """The filters as one condition on requests."""
        place_kind, place_key = self.place or ("", "")
        wanted: dict[str, Any] = {
            "status": self.status,
            "answerer": self.persona,
            "model": self.model,
            "place_kind": place_kind,
            "place_key": place_key,
            "requested_by": self.member,
        }
        return Q(**{name: value for name, value in wanted.items() if value})


@dataclass(frozen=True)
class Entry:
    """A request, who answers or answered it, and what it is about.

    `subject` None: that is no longer there.
    """

    request: LLMRequest
    answer: Answerer
    subject: Subject | None


@dataclass(frozen=True)
class HistoryPage:
    """Requests, newest first; `own` are the viewer's, on the first page only.

    `older` is the cursor of the next page, or None.
    """

    own: list[Entry]
    entries: list[Entry]
    older: uuid.UUID | None

    @property
    def has_open(self) -> bool:
        """Whether something on it still waits or runs, so that it may change."""
        return any(it.request.is_open for it in (*self.own, *self.entries))


class _IsOneOf(Func):
    """`key = ANY(ARRAY(subquery))`, which is found by the key's index.

    With `IN (subquery)` and more than eight joins PostgreSQL joins the whole table first.
    """

    template = "%(expressions)s)"
    arg_joiner = " = ANY("
    output_field = BooleanField()

    def __init__(self, key: str, keys: QuerySet[Any, Any]) -> None:
        super().__init__(F(key), ArraySubquery(keys))


def visible_to(user: User | None) -> LLMRequestQuerySet:
    """Requests `user` may see: their own, and those that their kind's app lets them.

    Staff see that each one is there; what stands in it is another question.
    """
    if user is not None and user.is_staff:
        return LLMRequest.objects.all()
    seen = reduce(or_, (one.visible(user) for one in handlers.every()), Q(pk=None))
    if user is not None:
        seen |= Q(requested_by=user)
    return LLMRequest.objects.filter(seen)


def history_page(
    *, viewer: User | None, filters: Filters, before: uuid.UUID | None = None
) -> HistoryPage:
    """The page of requests that `filters` leave, after the request `before`.

    One query, and those of `outlook.who_answers` when something waits.
    """
    shown = visible_to(viewer).filter(filters.as_q())
    if before is not None:
        cursor = LLMRequest.objects.filter(public_id=before).values("pk")
        shown = shown.filter(pk__lt=Subquery(cursor))
    wanted = shown.order_by("-pk").values("pk")[: PAGE_SIZE + 1]
    has_own = viewer is not None and before is None and not filters.is_set
    if has_own:
        own = LLMRequest.objects.filter(requested_by=viewer).order_by("-pk")
        wanted = wanted.union(own.values("pk")[:MOST_OWN])
    found = LLMRequest.objects.filter(_IsOneOf("pk", wanted))
    rows = list(with_answers(found, viewer))
    entries = describe(rows, viewer)
    page = entries[:PAGE_SIZE]
    mine = [it for it in entries if viewer and it.request.requested_by_id == viewer.pk]
    return HistoryPage(
        own=mine[:MOST_OWN] if has_own else [],
        entries=page,
        older=page[-1].request.public_id if len(entries) > PAGE_SIZE else None,
    )


def open_leases(reader: object) -> Leases:
    """The newest open requests that `reader` may see, for the stream of the page."""
    seen = visible_to(member_of(reader)).unfinished().order_by("-pk")
    return dict(seen.values_list("public_id", "lease_token")[:MOST_FOLLOWED])


def lease_of(public_id: uuid.UUID, reader: object) -> Leases | None:
    """The same for one request; None when `reader` may not see it."""
    found = visible_to(member_of(reader)).filter(public_id=public_id)
    rows = list(found.values_list("public_id", "lease_token", "status"))
    if not rows:
        return None
    return {key: lease for key, lease, status in rows if status not in FINAL}


def describe(requests: Iterable[LLMRequest], viewer: User | None) -> list[Entry]:
    """Rows of `with_answers`, each with who answers it and what it is about.

    Nobody is named whom `viewer` may not know of.
    """
    rows = list(requests)
    subjects: dict[int, Subject] = {}
    for handler in handlers.every():
        subjects |= handler.subjects([it for it in rows if it.kind == handler.kind])
    answers = who_answers(rows, viewer)
    return [Entry(row, answers[row.pk], subjects.get(row.pk)) for row in rows]


def with_answers(
    requests: QuerySet[LLMRequest], viewer: User | None
) -> QuerySet[LLMRequest]:
    """Requests, newest first, joined with all that a page shows of each to `viewer`."""
    answerer = Persona.objects.filter(pk=OuterRef("answerer"))
    rows = requests.select_related(
        "requested_by__handle",
        "requested_by__ai_settings__default_config__endpoint",
        "persona",
        "answerer",
        "config__endpoint",
        "endpoint",
        "last_attempt",
        "stop",
    ).defer("last_attempt__answer")
    for handler in handlers.every():
        rows = handler.with_subjects(rows)
    rows = rows.annotate(
        is_answerer_open=Exists(answerer.open_to(viewer)),
        has_answer=ExpressionWrapper(
            ~Q(last_attempt__answer=""), output_field=BooleanField()
        ),
        **askers_of_rows.columns(),
    )
    return rows.order_by("-pk")
