"""What must hold once all is quiet, asked of the database and the provider's log.

The ids are those of the invariants. The application's own checker (`manage.py
check_invariants`) sees I1 one reply at most, I2 complete with its reply, I3 each request
in one known status and more. Here are those that need to know what was done: I3 none
missing, I4 no stale lease, I5 final stays final, I6 the provider's calls are the
attempts, I8 errors have a class and hold no secret, I10 the canary key is nowhere.
"""

from collections import Counter
from typing import Any

from django.db import connection

from llmqueue.errors import ERROR_CLASSES
from tests.faults.stage import CANARY, RECOVERY, Stage
from tests.faults.trials import Trial

# An attempt that ended so may have been cut before its call was sent.
_MAYBE_UNSENT = (
    "unknown",
    "unreachable",
    "interrupted",
    "cancelled",
    "key_refused",
    "timed_out",
)

_HISTORY = """
CREATE TABLE fault_history (
    request_id bigint, old text, new text, is_end_moved boolean,
    at timestamptz DEFAULT clock_timestamp()
);
CREATE FUNCTION fault_note() RETURNS trigger AS $$
BEGIN
    INSERT INTO fault_history (request_id, old, new, is_end_moved) VALUES
        (NEW.id, OLD.status, NEW.status,
         OLD.finished_at IS NOT NULL AND OLD.finished_at IS DISTINCT FROM NEW.finished_at);
    RETURN NULL;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER fault_note AFTER UPDATE OF status, finished_at ON queue_llmrequest
FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION fault_note();
"""

# By id: rows there must not be, beside those that the application's own checker finds.
_NO_ROWS = {
    "I4 a lease older than the bound": f"""
        SELECT id FROM queue_llmrequest WHERE status = 'processing'
        AND lease_until < now() - interval '{RECOVERY} seconds'""",
    "I5 a final state changed": """
        SELECT request_id FROM fault_history
        WHERE (old IN ('complete', 'error', 'cancelled') AND new <> old)
        OR is_end_moved""",
}
# Replies without a request of their own.
_DOUBLED = """
    SELECT p.id FROM forum_post p LEFT JOIN forum_ask a ON a.reply_id = p.id
    WHERE p.persona_version_id IS NOT NULL AND a.id IS NULL
"""


def write_history() -> None:
    """Have the database itself note every change of a request's status."""
    with connection.cursor() as cursor:
        cursor.execute(_HISTORY)


def rows(query: str, *values: Any) -> list[tuple[Any, ...]]:
    """The rows of one query."""
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def judge(stage: Stage, trial: Trial) -> None:
    """Put the counts into `trial`, and every invariant that does not hold."""
    trial.lost = len(
        rows(
            "SELECT id FROM queue_llmrequest WHERE status IN ('pending', 'processing')"
        )
    )
    trial.doubled = len(rows(_DOUBLED))
    trial.calls = len(stage.calls())
    trial.attempts = rows("SELECT count(*) FROM queue_llmattempt")[0][0]
    trial.expect(not trial.lost, f"I3 {trial.lost} requests did not end")
    trial.expect(not trial.doubled, f"I1 {trial.doubled} replies too many")
    for name, query in _NO_ROWS.items():
        if found := rows(query):
            trial.expect(False, f"{name}: {[row[0] for row in found[:5]]}")
    _check_count(stage, trial)
    _check_calls(stage, trial)
    _check_errors(trial)
    _check_secret(stage, trial)
    _check_application(trial)


def statuses() -> Counter[str]:
    """How many requests stand where."""
    return Counter(
        dict(rows("SELECT status, count(*) FROM queue_llmrequest GROUP BY status"))
    )


def _check_count(stage: Stage, trial: Trial) -> None:
    found = sum(statuses().values())
    trial.expect(
        found == stage.submitted, f"I3 {stage.submitted} submitted, {found} there"
    )


def _check_calls(stage: Stage, trial: Trial) -> None:
    """I6, by the post that was answered: both sides count the same."""
    attempts: dict[int, list[str]] = {}
    for mark, outcome in rows(
        r"""SELECT substring(p.body from '\[ask (\d+)\]')::int, t.outcome
        FROM queue_llmattempt t JOIN forum_ask a ON a.request_id = t.request_id
        JOIN forum_post p ON p.id = a.post_id"""
    ):
        # A post deleted meanwhile has lost its mark; its calls are counted in the sum.
        attempts.setdefault(mark or 0, []).append(outcome)
    if 0 in attempts:
        return
    seen = stage.calls_by_mark()
    # A worker killed while it sent a call has left half a body, without its mark.
    if halves := [call for call in seen.pop(0, []) if not isinstance(call.body, dict)]:
        trial.notes.append(f"{len(halves)} calls were cut while they were sent")
    wrong = []
    for mark in {*seen, *attempts}:
        calls, tried = len(seen.get(mark, [])), attempts.get(mark, [])
        unsure = sum(outcome in _MAYBE_UNSENT for outcome in tried)
        if not len(tried) - unsure <= calls <= len(tried):
            wrong.append(f"ask {mark}: {calls} calls, attempts {tried}")
    trial.expect(not wrong, f"I6 calls and attempts differ: {wrong[:5]}")


def _check_errors(trial: Trial) -> None:
    for pk, kind, message in rows(
        "SELECT id, error_class, error_message FROM queue_llmrequest"
        " WHERE status IN ('error', 'cancelled')"
    ):
        trial.expect(kind in ERROR_CLASSES, f"I8 request {pk}: class {kind!r}")
        trial.expect(message and CANARY not in message, f"I8 request {pk}: {message!r}")


def _check_secret(stage: Stage, trial: Trial) -> None:
    """I10: the canary in no column of any table, and in no log but the provider's."""
    columns = rows(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type IN"
        " ('text', 'character varying', 'jsonb', 'json', 'ARRAY')"
    )
    for table, column in columns:
        query = f'SELECT count(*) FROM "{table}" WHERE "{column}"::text LIKE %s'
        if count := rows(query, f"%{CANARY}%")[0][0]:
            trial.expect(False, f"I10 the key is in {table}.{column}, {count} rows")
    for log in [*stage.logs.glob("*.log"), *stage.servers.folder.glob("*.log")]:
        found = CANARY in log.read_text(errors="replace")
        trial.expect(not found, f"I10 the key is in {log.name}")


def _check_application(trial: Trial) -> None:
    """The operators' own checker must agree: `manage.py check_invariants`."""
    from forum.invariants import check_forum
    from llmqueue.invariants import check_queue

    for violation in [*check_queue(), *check_forum()]:
        trial.expect(False, f"check_invariants: {violation}")
