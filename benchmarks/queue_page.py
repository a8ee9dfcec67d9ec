"""What the queue's page costs with a million requests behind it.

    python -m tests.services -- python -m benchmarks.queue_page [REQUESTS]

For staff, a member with ten requests and a guest: queries, CPU milliseconds of the
page's process and of its database backend (median of 20), for the first page, a filtered
one and one deep in the list. Statuses are mixed; ten thousand wait.
"""

import os
import statistics
import sys
import time
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks import stage
from tests.fake_llm import FakeLLM

ROUNDS = 20
_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")

FILL = """
INSERT INTO queue_llmrequest (
    public_id, kind, requested_by_id, answerer_id, model, mode, place_kind, place_key,
    status, lane_id, priority, turn, is_ready, lapses, created_at, claimed_at,
    finished_at, error_class, error_message, correlation_id, idempotency_key, asked_name
)
SELECT gen_random_uuid(), 'reply', CASE WHEN n %% 3 = 0 THEN %(alice)s ELSE %(carol)s END,
    %(persona)s, 'fake-1', 'general', 'subforum', %(place)s, state, %(lane)s, 0, n,
    state = 'pending', 0, now() - (%(count)s - n) * interval '1 second', now(),
    CASE WHEN state = 'pending' THEN NULL ELSE now() - (%(count)s - n) * interval '1 second'
    END, CASE WHEN state = 'error' THEN 'timed_out' ELSE '' END,
    CASE WHEN state = 'error' THEN 'The model took too long.' ELSE '' END, '', '', ''
FROM (
    SELECT n, CASE WHEN n %% 100 = 0 THEN 'pending' WHEN n %% 20 = 1 THEN 'error'
        WHEN n %% 50 = 2 THEN 'cancelled' ELSE 'complete' END AS state
    FROM generate_series(1, %(count)s) n
) made
"""
ASKS = """
INSERT INTO forum_ask (post_id, request_id, created_at)
SELECT %s, id, created_at FROM queue_llmrequest
WHERE NOT EXISTS (SELECT 1 FROM forum_ask WHERE request_id = queue_llmrequest.id)
"""
RECEIPTS = """
WITH latest AS (
    SELECT id FROM queue_llmrequest WHERE status <> 'pending' AND last_attempt_id IS NULL
    ORDER BY id DESC LIMIT 20000
), made AS (
    INSERT INTO queue_llmattempt (
        request_id, number, lease_token, receipt, persona_version_id, outcome,
        outcome_detail, answer, started_at
    )
    SELECT latest.id, 1, gen_random_uuid(), attempt.receipt, attempt.persona_version_id,
        'answered', '', repeat('word ', 100), now()
    FROM latest CROSS JOIN (SELECT * FROM queue_llmattempt LIMIT 1) attempt
    RETURNING id, request_id
)
UPDATE queue_llmrequest SET last_attempt_id = made.id
FROM made WHERE made.request_id = queue_llmrequest.id
"""


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with FakeLLM() as provider:
        stage.prepare(provider)
        call_command("collectstatic", interactive=False, verbosity=0)
        people = _fill(provider, count)
    from llmqueue.models import LLMRequest

    deep = LLMRequest.objects.order_by("pk")[count // 2].public_id
    for name, member in people.items():
        for query in ("", "?status=error&member=alice", f"?before={deep}"):
            _measure(name, member, query, count)


def _fill(provider: FakeLLM, count: int) -> dict[str, object]:
    from allauth.account.models import EmailAddress

    from accounts.models import User
    from core.services import claim_handle
    from forum.models import Post
    from forum.services import asks
    from llmqueue.models import LLMRequest
    from llmqueue.work import lanes, runner
    from personas.models import Persona

    def make(handle: str, **fields: object) -> User:
        made = User.objects.create_user(
            f"{handle}@example.com", handle=claim_handle(name=handle), **fields
        )
        EmailAddress.objects.create(
            user=made, email=made.email, primary=True, verified=True
        )
        return made

    alice, carol, bob = make("alice"), make("carol"), make("bobby")
    staff = make("keeper", is_staff=True)
    post = Post.objects.select_related("topic").earliest("pk")
    LLMRequest.objects.all().delete()  # of the welcome topic
    provider.always_answers("Two hours.")
    asks.ask(post=post, member=alice)
    runner.run_next()
    first = LLMRequest.objects.get()
    values = {
        "alice": alice.pk,
        "carol": carol.pk,
        "persona": Persona.objects.get(slug="maestro").pk,
        "place": str(post.topic.subforum_id),
        "lane": lanes.lane_of(first.lane.endpoint).pk,
        "count": count,
    }
    with connection.cursor() as cursor:
        cursor.execute(FILL, values)
        cursor.execute(ASKS, [post.pk])
        cursor.execute(RECEIPTS)
    for _ in range(10):
        asks.ask(post=post, member=bob)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return {"staff": staff, "a member with ten": bob, "a guest": None}


def _measure(name: str, member: object, query: str, count: int) -> None:
    client = Client(headers={"host": "127.0.0.1"})
    if member is not None:
        client.force_login(member)  # type: ignore[arg-type]
    client.get(f"/queue/{query}")
    pages, backend = [], []
    for _ in range(ROUNDS):
        before, begun = _backend_ms(), time.process_time()
        response = client.get(f"/queue/{query}")
        pages.append((time.process_time() - begun) * 1000)
        backend.append(_backend_ms() - before)
        assert response.status_code == 200
    with CaptureQueriesContext(connection) as queries:
        client.get(f"/queue/{query}")
    print(
        f"{count:,} requests, {name}, {query[:30] or 'first page'}: {len(queries)} queries,"
        f" page {statistics.median(pages):.1f} ms CPU,"
        f" database {statistics.mean(backend):.1f} ms CPU",
        flush=True,
    )


def _backend_ms() -> float:
    """CPU time so far of the database backend that serves this connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_MS


if __name__ == "__main__":
    main()
