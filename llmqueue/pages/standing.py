"""How the queue stands: its states, what is stopped, paused or shut, its workers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from accounts.models import User
from llmconfig.models import Redirect
from llmqueue import handlers
from llmqueue.hours import Hours, states
from llmqueue.models import FINAL, Status, WorkerHeartbeat, pause_words

# Counting stops here: "more than 999" tells as much, and a million cost no more.
MOST_COUNTED = 999


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
    # Of the site, and of each endpoint with hours of its own; empty: always open.
    hours: list[Hours]
    simulated: list[str]
    has_redirects: bool

    @property
    def is_stopped(self) -> bool:
        """Whether nothing at all may begin."""
        return not self.is_on or any(stop.endpoint == "" for stop in self.stops)


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


_OF_HOURS = """(
    SELECT json_agg(json_build_array(coalesce(name, ''), is_open, changes_at))
    FROM ({}) it WHERE is_used
)"""
_HOURS = _OF_HOURS.format(states())


def standing_for(viewer: User | None) -> Standing:
    """How the queue stands for `viewer`; one query, whatever the number of requests.

    What is private is counted for whoever asked it, and for staff.
    """
    day = timedelta(days=1)
    is_staff = viewer is not None and viewer.is_staff
    private = [it.kind for it in handlers.every() if it.is_private and not is_staff]
    whose = [private, viewer.pk if viewer else None]
    alive, beats = WorkerHeartbeat.alive().values("pk").query.sql_with_params()
    active, made = Redirect.objects.active().values("pk").query.sql_with_params()
    columns: list[tuple[str, list[Any]]] = [
        (_STOPS, []),
        (_PAUSES, []),
        (_HOURS, [settings.TIME_ZONE, settings.TIME_ZONE]),
        (_SIMULATED if is_staff else "NULL", []),
        (f"EXISTS ({active})", list(made)),
        (f"EXISTS ({alive})", list(beats)),
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
        shown = cursor.fetchone()
    stops, pauses, hours, simulated, has_redirects, has_worker, *found = shown
    pairs = zip(Status, found[::2], found[1::2], strict=True)
    return Standing(
        states=[_state_count(status, count, since) for status, count, since in pairs],
        has_worker=has_worker,
        is_on=settings.AI_FEATURES_ENABLED,
        stops=[Stopping(*row) for row in stops or []],
        pauses=[_pausing(*row) for row in pauses or []],
        hours=[_hours(*row) for row in hours or []],
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
        why=pause_words(outcome),
        is_probed=is_probed,
    )


def _hours(endpoint: str, is_open: bool, changes_at: str | None) -> Hours:
    change = datetime.fromisoformat(changes_at) if changes_at else None
    return Hours(endpoint, is_open, change)


def _state_count(status: Status, count: int, since: datetime | None) -> StateCount:
    return StateCount(
        status=status,
        count=min(count, MOST_COUNTED),
        is_more=count > MOST_COUNTED,
        is_of_last_day=status in FINAL,
        oldest_at=since,
    )
