"""The queue's page: which requests a viewer may see, a page of them, and how it stands.

Pages are found by key, so the thousandth costs what the first does.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
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
from llmqueue.models import (
    FINAL,
    PAUSE_WORDS,
    LLMRequest,
    LLMRequestQuerySet,
    Status,
    WorkerHeartbeat,
)
from llmqueue.pages import askers_of_rows
from llmqueue.pages.outlook import Answerer, who_answers
from personas.models import Persona

PAGE_SIZE = 25
# Open requests whose changes the page hears of at once; others come with its next look.
MOST_FOLLOWED = 50
MOST_OWN = 5
# Counting stops here: "more than 999" tells as much, and a million cost no more.
MOST_COUNTED = 999


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


@dataclass(frozen=True)
class StateCount:
    """How many requests are in a state, and since when the oldest of them is.

    `is_more`: there are more than the count says. `is_of_last_day`: older ones are not
    counted.
    """

    status: Status
    count: int
    is_more: bool
    is_of_last_day: bool
    oldest_at: datetime | None


@dataclass(frozen=True)
class Stopping:
    """What staff have stopped: an endpoint, by its name, or everything (blank)."""

    endpoint: str
    reason: str


@dataclass(frozen=True)
class Pausing:
    """An endpoint that is left alone since it keeps failing, `why` in plain words.

    `is_probed`: one request was let through, to see whether it answers again.
    """

    endpoint: str
    since: datetime
    until: datetime
    why: str
    is_probed: bool


@dataclass(frozen=True)
class Standing:
    """How the queue stands: its states, whether a worker lives, whether AI is on.

    `simulated`: names of endpoints at which staff let calls fail.
    """

    states: list[StateCount]
    has_worker: bool
    # By the site's environment.
    is_on: bool
    stops: list[Stopping]
    pauses: list[Pausing]
    simulated: list[str]
    has_redirects: bool

    @property
    def is_stopped(self) -> bool:
        """Whether nothing at all may begin."""
        return not self.is_on or any(stop.endpoint == "" for stop in self.stops)


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


# The kinds that are private, and the viewer; what else they may not see is counted.
_OF_STATE = "status = %s AND (kind <> ALL (%s) OR requested_by_id = %s)"
_COUNT = "(SELECT count(*) FROM (SELECT 1 FROM queue_llmrequest WHERE {} LIMIT {}) it)"
_OPEN = _COUNT.format(_OF_STATE, MOST_COUNTED + 1)
_ENDED = _COUNT.format(_OF_STATE + " AND finished_at > now() - %s", MOST_COUNTED + 1)
_OLDEST = "(SELECT created_at FROM queue_llmrequest WHERE {} ORDER BY id LIMIT 1)"
_SINCE = _OLDEST.format(_OF_STATE)
# What everybody waits for; a stopped persona's or place's name is not for everybody.
_STOPS = """(
    SELECT json_agg(json_build_array(coalesce(endpoint.name, ''), stop.reason)
                    ORDER BY stop.id)
    FROM queue_stop stop LEFT JOIN llmconfig_endpoint endpoint
        ON stop.scope = 'endpoint' AND endpoint.id::text = stop.key
    WHERE stop.lifted_at IS NULL
        AND (stop.scope = 'site' OR endpoint.id IS NOT NULL)
)"""


_PAUSES = """(
    SELECT json_agg(json_build_array(endpoint.name, lane.broken_at, lane.broken_until,
        lane.broken_by, EXISTS (
            SELECT FROM queue_llmrequest WHERE lane_id = lane.id
            AND status = 'processing' AND lease_token = lane.probe_token
        )) ORDER BY endpoint.position, endpoint.id)
    FROM queue_lane lane JOIN llmconfig_endpoint endpoint ON endpoint.id = endpoint_id
    WHERE lane.broken_until IS NOT NULL AND endpoint.is_enabled
)"""
_SIMULATED = """(
    SELECT json_agg(endpoint.name ORDER BY endpoint.position, endpoint.id)
    FROM queue_simulatedfailure failure
    JOIN llmconfig_endpoint endpoint ON endpoint.id = endpoint_id
    WHERE calls_left > 0 AND until > statement_timestamp()
)"""


def standing(viewer: User | None) -> Standing:
    """How the queue stands for `viewer`; one query, whatever the number of requests.

    What is private is counted for whoever asked it, and for staff.
    """
    day = timedelta(days=1)
    is_staff = viewer is not None and viewer.is_staff
    private = [it.kind for it in handlers.every() if it.is_private and not is_staff]
    whose = [private, viewer.pk if viewer else None]
    alive, values = WorkerHeartbeat.alive().values("pk").query.sql_with_params()
    columns: list[tuple[str, list[Any]]] = [
        (_STOPS, []),
        (_PAUSES, []),
        (_SIMULATED if is_staff else "NULL", []),
        ("EXISTS (SELECT 1 FROM llmconfig_redirect WHERE undone_at IS NULL)", []),
        (f"EXISTS ({alive})", list(values)),
    ]
    for status in Status:
        columns += (
            [(_ENDED, [status, *whose, day]), ("NULL", [])]
            if status in FINAL
            else [(_OPEN, [status, *whose]), (_SINCE, [status, *whose])]
        )
    query = "SELECT " + ", ".join(column for column, _ in columns)
    with connection.cursor() as cursor:
        cursor.execute(query, [value for _, values in columns for value in values])
        stops, pauses, simulated, has_redirects, has_worker, *found = cursor.fetchone()
    pairs = zip(Status, found[::2], found[1::2], strict=True)
    return Standing(
        states=[_state_count(status, count, since) for status, count, since in pairs],
        has_worker=has_worker,
        is_on=settings.AI_FEATURES_ENABLED,
        stops=[Stopping(*row) for row in stops or []],
        pauses=[_pausing(*row) for row in pauses or []],
        simulated=simulated or [],
        has_redirects=has_redirects,
    )


def _pausing(
    endpoint: str, since: str, until: str, outcome: str, is_probed: bool
) -> Pausing:
    return Pausing(
        endpoint=endpoint,
        since=datetime.fromisoformat(since),
        until=datetime.fromisoformat(until),
        why=PAUSE_WORDS.get(outcome, PAUSE_WORDS[""]),
        is_probed=is_probed,
    )


def _state_count(status: Status, count: int, since: datetime | None) -> StateCount:
    return StateCount(
        status=status,
        count=min(count, MOST_COUNTED),
        is_more=count > MOST_COUNTED,
        is_of_last_day=status in FINAL,
        oldest_at=since,
    )
