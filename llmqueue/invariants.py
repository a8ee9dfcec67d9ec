"""What must hold of the queue whenever it is quiet, on any database.

The ids are those of the fault matrix: I3 to I8 and I10. What a kind of request owes
besides (I1 and I2 for replies) its own app checks. Nothing is changed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from psycopg import sql

from core.encryption import can_be_secret
from llmconfig.services.keys import stored_secrets
from llmqueue.errors import ERROR_CLASSES
from llmqueue.usage.recording import LIKE, USE, sums_of_calls

_NAMED = 5


@dataclass(frozen=True)
class Violation:
    """A promise that is broken: its id, what is wrong, and some of the rows."""

    rule: str
    what: str
    count: int
    rows: tuple[str, ...] = ()

    def __str__(self) -> str:
        rows = f" (such as {', '.join(self.rows)})" if self.rows else ""
        return f"{self.rule}: {self.what}: {self.count}{rows}"


@dataclass(frozen=True)
class Rule:
    """`query` gives the ids of the rows that break the rule."""

    rule: str
    what: str
    query: str


RULES = (
    Rule(
        "I3",
        "requests in no known state",
        "SELECT id FROM queue_llmrequest WHERE status NOT IN"
        " ('pending', 'processing', 'complete', 'error', 'cancelled')",
    ),
    Rule(
        "I3",
        "waiting requests that nothing will make ready",
        "SELECT id FROM queue_llmrequest WHERE status = 'pending' AND NOT is_ready"
        " AND not_before IS NULL AND after_id IS NULL AND stop_id IS NULL",
    ),
    Rule(
        "I4",
        "running requests whose lease lapsed long ago",
        "SELECT id FROM queue_llmrequest WHERE status = 'processing'"
        " AND lease_until < now() - %(patience)s",
    ),
    Rule(
        "I5",
        "triggers missing that keep a final state final",
        "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname ="
        " 'queue_final_stays_final' AND tgenabled <> 'D')",
    ),
    Rule(
        "I6",
        "requests with more calls of unknown outcome than lost workers explain",
        "SELECT request.id FROM queue_llmrequest request JOIN queue_llmattempt attempt"
        " ON attempt.request_id = request.id AND attempt.outcome = 'unknown'"
        " GROUP BY request.id HAVING count(*) > request.lapses"
        " + CASE WHEN request.status IN ('processing', 'cancelled') THEN 1 ELSE 0 END",
    ),
    Rule(
        "I6",
        "requests that are done without a call that answered",
        "SELECT id FROM queue_llmrequest request WHERE status = 'complete' AND NOT"
        " EXISTS (SELECT 1 FROM queue_llmattempt attempt WHERE"
        " attempt.request_id = request.id AND outcome IN ('answered', 'cut_off',"
        " 'declined'))",
    ),
    Rule(
        "I6",
        "requests whose calls are not numbered 1, 2, 3",
        "SELECT request_id FROM queue_llmattempt GROUP BY request_id"
        " HAVING max(number) <> count(*) OR min(number) <> 1",
    ),
    Rule(
        "I7",
        "limits whose counters are not the sums of what was reserved and used",
        "SELECT bucket.id FROM queue_spendbucket bucket LEFT JOIN queue_reservation r"
        " ON r.bucket_id = bucket.id GROUP BY bucket.id HAVING"
        " (bucket.used_requests, bucket.used_tokens, bucket.used_usd,"
        " bucket.reserved_requests, bucket.reserved_tokens, bucket.reserved_usd)"
        " IS DISTINCT FROM"
        " (coalesce(sum(r.requests) FILTER (WHERE r.state = 'settled'), 0),"
        " coalesce(sum(r.tokens) FILTER (WHERE r.state = 'settled'), 0),"
        " coalesce(sum(r.cost_usd) FILTER (WHERE r.state = 'settled'), 0),"
        " coalesce(sum(r.requests) FILTER (WHERE r.state = 'reserved'), 0),"
        " coalesce(sum(r.tokens) FILTER (WHERE r.state = 'reserved'), 0),"
        " coalesce(sum(r.cost_usd) FILTER (WHERE r.state = 'reserved'), 0))",
    ),
    Rule(
        "I7",
        "reservations of requests that ended long ago",
        "SELECT r.id FROM queue_reservation r JOIN queue_llmrequest request"
        " ON request.id = r.request_id WHERE r.state = 'reserved' AND"
        " request.finished_at < now() - %(patience)s - %(lease)s",
    ),
    Rule(
        "I7",
        "calls that are counted with other figures than their own",
        "SELECT attempt.id FROM queue_llmattempt attempt JOIN queue_reservation r"
        " ON r.request_id = attempt.request_id AND r.attempt_number = attempt.number"
        " WHERE attempt.outcome <> 'unknown' AND (r.state = 'reserved'"
        " OR r.state = 'settled' AND"
        " (r.tokens <> attempt.tokens_in + attempt.tokens_out"
        " OR r.cost_usd <> attempt.cost_usd))",
    ),
    Rule(
        "I7",
        "sums of a day's use that are not those of its calls (see rebuild_usage)",
        f"SELECT day FROM (SELECT {LIKE}, {', '.join(USE)} FROM ({sums_of_calls()}) calls"  # noqa: S608
        f" UNION ALL SELECT {LIKE}, {', '.join(f'-{it}' for it in USE)}"
        " FROM queue_dailyusage) difference"
        f" GROUP BY {LIKE} HAVING {' OR '.join(f'sum({it}) <> 0' for it in USE)}",
    ),
    Rule(
        "I8",
        "failed or cancelled requests without a class of the list or without a reason",
        "SELECT id FROM queue_llmrequest WHERE status IN ('error', 'cancelled')"
        " AND (error_class <> ALL(%(classes)s) OR error_message = '')",
    ),
)


def check_queue() -> list[Violation]:
    """The broken promises of the queue; empty when all hold."""
    values = {
        # What a lapse may take on top of the lease itself: two sweeps and a pick-up.
        "patience": 2 * settings.LLM_SWEEP + settings.LLM_HEARTBEAT,
        "lease": settings.LLM_LEASE,
        "classes": list(ERROR_CLASSES),
    }
    return [*check_rules(RULES, values), *_exposed_secrets()]


def check_rules(
    rules: Iterable[Rule], values: dict[str, Any] | None = None
) -> Iterator[Violation]:
    """Run each rule's query; yield those that found rows."""
    for rule in rules:
        with connection.cursor() as cursor:
            cursor.execute(rule.query, values or {})
            found = [str(row[0]) for row in cursor.fetchall()]
        if found:
            yield Violation(rule.rule, rule.what, len(found), tuple(found[:_NAMED]))


def _exposed_secrets() -> Iterator[Violation]:
    """I10: a secret of this site that stands readable in some column of some table."""
    secrets = [one for one in _secrets() if can_be_secret(one)]
    for table, columns in _text_columns().items():
        whole = sql.SQL(" || ' ' || ").join(
            sql.SQL("coalesce({}::text, '')").format(sql.Identifier(table, column))
            for column in columns
        )
        query = sql.SQL(
            "SELECT count(*) FROM {} CROSS JOIN unnest(%s::text[]) AS known (secret)"
            " WHERE position(known.secret IN {}) > 0"
        ).format(sql.Identifier(table), whole)
        with connection.cursor() as cursor:
            cursor.execute(query, [secrets])
            [count] = cursor.fetchone()
        if count:
            yield Violation("I10", f"rows of {table} that hold a secret", count)


def _secrets() -> Iterator[str]:
    yield settings.SECRET_KEY
    yield from settings.LLM_ENCRYPTION_KEYS
    yield from stored_secrets()


def _text_columns() -> dict[str, list[str]]:
    """The columns of every table that can hold text, by table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " JOIN information_schema.tables USING (table_schema, table_name)"
            " WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'"
            " AND data_type IN ('text', 'character varying', 'json', 'jsonb', 'ARRAY')"
            " ORDER BY table_name, ordinal_position"
        )
        columns: dict[str, list[str]] = {}
        for table, column in cursor.fetchall():
            columns.setdefault(table, []).append(column)
    return columns
