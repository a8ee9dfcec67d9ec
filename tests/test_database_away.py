"""The web while it cannot reach its database: a readable page, and well again after."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import psycopg
import pytest
from django.db import connection
from django.test import Client

from tests.conftest import wait_until
from tests.races import start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.fault("F20")]


@contextmanager
def database_away() -> Iterator[None]:
    """PostgreSQL ends every connection to the tests' database and takes no new one."""
    with connection.cursor() as cursor:
        [name] = cursor.execute("SELECT current_database()").fetchone()
    own = connection.get_connection_params()
    own = {key: own[key] for key in ("host", "port", "user", "password") if key in own}
    quoted = connection.ops.quote_name(name)
    connection.close()
    with psycopg.connect(**own, dbname="postgres", autocommit=True) as keeper:
        keeper.execute(f"ALTER DATABASE {quoted} ALLOW_CONNECTIONS false")
        keeper.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [name],
        )
        try:
            yield
        finally:
            keeper.execute(f"ALTER DATABASE {quoted} ALLOW_CONNECTIONS true")
            # Ours need not wait until the pool tries again.
            connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's own


def check_away(page: httpx.Response) -> None:
    assert page.status_code == 503
    assert int(page.headers["Retry-After"]) > 0
    assert "cannot reach its data" in page.text
    assert "Traceback" not in page.text
    assert "psycopg" not in page.text


def test_pages_say_that_the_database_is_away_and_are_well_again_after(web, topic):
    paths = ["/", topic.get_absolute_url(), "/queue/"]
    for path in paths:
        assert httpx.get(f"{web}{path}", timeout=60).status_code == 200

    with database_away():  # for each of these the pool waits its ten seconds
        *looks, health = [
            start(lambda path=path: httpx.get(f"{web}{path}", timeout=60))
            for path in [*paths, "/healthz"]
        ]
        for look in looks:
            check_away(look.result(60))
        assert health.result(60).status_code == 503

    wait_until(lambda: httpx.get(f"{web}/healthz", timeout=60).status_code == 200)
    for path in paths:
        page = httpx.get(f"{web}{path}", timeout=60)
        assert page.status_code == 200
        assert "cannot reach its data" not in page.text


def test_a_page_for_which_no_connection_is_left_says_to_come_back(topic, monkeypatch):
    pool = connection.pool

    def look() -> httpx.Response:
        page = Client(raise_request_exception=False).get("/")
        return httpx.Response(page.status_code, headers=page.headers, text=page.text)

    connection.close()
    with ExitStack() as taken:
        for _ in range(pool.max_size):  # a new one may take a while on a busy machine
            taken.enter_context(pool.connection(timeout=60))
        monkeypatch.setattr(pool, "timeout", 0.3)
        check_away(start(look).result(60))

    monkeypatch.undo()
    assert start(look).result(60).status_code == 200
