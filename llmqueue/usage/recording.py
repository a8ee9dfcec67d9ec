"""Raising the days' sums as calls are settled, and making them anew from the attempts.

One statement does both, so that they cannot differ.
"""

from datetime import date

from django.db import connection, transaction

from llmqueue.models import DailyUsage, LLMAttempt

# In what the calls of one row are alike, but for whose key it was: who has gone leaves
# their calls to the site's.
LIKE = (
    "day, member_id, persona_id, config_id, endpoint_id, model, place_kind, place_key"
)
USE = (
    "calls",
    "tokens_in",
    "tokens_out",
    "uncounted_calls",
    "cost_usd",
    "unpriced_calls",
)

# What has no time was never sent, or nobody knows its end. The persona and the model are
# the receipt's, as the request names those of its last attempt only.
_CALLS = """
    SELECT
        (attempt.started_at AT TIME ZONE 'UTC')::date AS day,
        request.requested_by_id AS member_id,
        persona.id AS persona_id,
        attempt.config_id,
        attempt.endpoint_id,
        coalesce(attempt.receipt #>> '{model,model}', '') AS model,
        request.place_kind,
        request.place_key,
        attempt.key_owner_id IS NOT NULL AS on_own_key,
        attempt.tokens_in,
        attempt.tokens_out,
        attempt.cost_usd
    FROM queue_llmattempt attempt
    JOIN queue_llmrequest request ON request.id = attempt.request_id
    LEFT JOIN personas_persona persona
        ON persona.id = (attempt.receipt #>> '{persona,id}')::bigint
    WHERE attempt.outcome <> 'unknown' AND attempt.total_seconds IS NOT NULL
"""


def sums_of_calls(condition: str = "true") -> str:
    """A query for the rows of DailyUsage that the attempts of `condition` make."""
    return f"""
    SELECT
        {LIKE}, on_own_key,
        concat_ws('|', day, coalesce(member_id::text, ''),
            coalesce(persona_id::text, ''), coalesce(config_id::text, ''),
            coalesce(endpoint_id::text, ''), on_own_key::int, place_kind, place_key,
            model) AS key,
        count(*) AS calls,
        coalesce(sum(tokens_in), 0) AS tokens_in,
        coalesce(sum(tokens_out), 0) AS tokens_out,
        count(*) FILTER (
            WHERE tokens_in IS NULL OR tokens_out IS NULL
        ) AS uncounted_calls,
        coalesce(sum(cost_usd), 0) AS cost_usd,
        count(*) FILTER (WHERE cost_usd IS NULL) AS unpriced_calls
    FROM ({_CALLS} AND {condition}) call
    GROUP BY {LIKE}, on_own_key
    """  # noqa: S608  # our own words


def record_use(attempt: LLMAttempt) -> None:
    """Count one settled call; only in the transaction that has settled it.

    The day is the UTC day on which the call began. What was never sent is no call.
    """
    _add("attempt.id = %s", attempt.pk)


@transaction.atomic
def rebuild_usage(*, since: date | None = None) -> int:
    """Make the rows from `since` on, or all, anew from the attempts; how many they are.

    Workers that settle a call meanwhile wait until it is done, and then add to it.
    """
    first = since or date.min
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE queue_dailyusage IN SHARE ROW EXCLUSIVE MODE")
    DailyUsage.objects.filter(day__gte=first).delete()
    return _add("(attempt.started_at AT TIME ZONE 'UTC')::date >= %s", first)


def _add(condition: str, value: int | date) -> int:
    """Insert the sums of some attempts, or add them to the rows that are there."""
    columns = f"key, on_own_key, {LIKE}, {', '.join(USE)}"
    added = ", ".join(f"{it} = queue_dailyusage.{it} + EXCLUDED.{it}" for it in USE)
    statement = (
        f"INSERT INTO queue_dailyusage ({columns})"  # noqa: S608  # our own words
        f" SELECT {columns} FROM ({sums_of_calls(condition)}) sums"
        f" ON CONFLICT (key) DO UPDATE SET {added}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [value])
        return int(cursor.rowcount)
