"""How often one may do what, counted in the tests' own Valkey."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.http import HttpRequest

from core import rates
from core.errors import TooOften
from tests.conftest import wait_until


@pytest.fixture
def allow(settings):
    """Let these rates hold, from nothing counted yet."""
    redis.Redis.from_url(settings.REDIS_URL).flushall()

    def allow(**found: list[tuple[int, float]]) -> None:
        settings.RATES = found

    return allow


def wait_for(**subjects: Any) -> int:
    """Seconds until it can be done again; 0: it was done."""
    try:
        rates.take(HttpRequest(), **subjects)
    except TooOften as refusal:
        return refusal.retry_after_seconds
    return 0


@pytest.mark.requirement("R-95")
def test_so_many_are_allowed_and_the_next_is_told_how_long_to_wait(allow):
    allow(posts=[(2, 3600)])

    waits = [wait_for(posts=1) for _ in range(4)]

    assert waits[:2] == [0, 0]
    assert all(3500 < wait <= 3600 for wait in waits[2:])


@pytest.mark.requirement("R-95")
def test_each_subject_has_its_own_count(allow):
    allow(posts=[(1, 60)], asks=[(1, 60)])

    assert [wait_for(posts=1), wait_for(posts=2), wait_for(asks=1)] == [0, 0, 0]
    assert wait_for(posts=1)


def test_the_shorter_of_two_windows_holds_too(allow):
    allow(posts=[(2, 60), (3, 3600)])

    waits = [wait_for(posts=1) for _ in range(3)]

    assert waits[:2] == [0, 0]
    assert 0 < waits[2] <= 60


def test_a_window_moves_on(allow):
    allow(posts=[(1, 0.05)])
    wait_for(posts=1)

    wait_until(lambda: wait_for(posts=1) == 0)


def test_what_one_rule_refuses_is_counted_under_none(allow):
    allow(asks=[(2, 60)], subforum_asks=[(1, 60)])
    wait_for(asks=1, subforum_asks=7)

    refused = [wait_for(asks=1, subforum_asks=7) for _ in range(5)]

    assert all(refused)
    assert wait_for(asks=1, subforum_asks=8) == 0


def test_what_is_refused_does_not_make_the_wait_longer(allow, settings):
    allow(posts=[(1, 60)])
    wait_for(posts=1)
    store = redis.Redis.from_url(settings.REDIS_URL)
    [key] = store.keys("rate:*")
    counted = store.lrange(key, 0, -1)

    wait_for(posts=1)

    assert store.lrange(key, 0, -1) == counted


def test_a_rule_without_rates_or_subject_counts_nothing(allow, settings):
    allow(posts=[(1, 60)])

    assert [wait_for(asks=1), wait_for(asks=1), wait_for(posts=None)] == [0, 0, 0]
    assert redis.Redis.from_url(settings.REDIS_URL).keys("rate:*") == []


@pytest.mark.requirement("R-95", "O-47")
@pytest.mark.fault("A-RATE-1")
def test_fifty_at_once_are_allowed_exactly_what_the_rule_says(allow):
    allow(posts=[(10, 3600)])
    start = threading.Barrier(50)

    def act(_: int) -> list[int]:
        found = []
        for member in range(10):  # the first opens the connections
            start.wait()
            found.append(wait_for(posts=member))
        return found

    with ThreadPoolExecutor(50) as threads:
        rounds = zip(*threads.map(act, range(50)), strict=True)

    assert [waits.count(0) for waits in rounds] == [10] * 10


def test_a_count_ends_with_its_window(allow, settings):
    allow(posts=[(5, 60)])
    wait_for(posts=1)
    store = redis.Redis.from_url(settings.REDIS_URL)
    [key] = store.keys("rate:*")

    assert 0 < store.pttl(key) <= 60_000


def test_valkey_holds_no_address_and_no_name(allow, settings):
    allow(guest_pages=[(5, 60)])
    wait_for(guest_pages="198.51.100.7")

    [key] = redis.Redis.from_url(settings.REDIS_URL).keys("rate:*")

    assert b"198.51.100.7" not in key


@pytest.fixture
def silent(settings):
    """In Valkey's place a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.REDIS_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        settings.RATE_PATIENCE = timedelta(seconds=0.05)
        yield server


@pytest.mark.requirement("O-47")
@pytest.mark.fault("A-RATE-1")
def test_all_is_allowed_while_valkey_is_silent_and_it_is_asked_once(allow, silent):
    allow(posts=[(1, 60)])
    silent.listen(20)

    assert [wait_for(posts=1) for _ in range(5)] == [0] * 5

    silent.settimeout(0.01)
    silent.accept()
    with pytest.raises(TimeoutError):
        silent.accept()


def test_all_is_allowed_while_nothing_listens(allow, settings):
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.REDIS_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
    settings.RATES = {"posts": [(1, 60)]}

    assert [wait_for(posts=1) for _ in range(3)] == [0, 0, 0]


def test_a_valkey_that_forgot_its_scripts_counts_on(allow, settings):
    allow(posts=[(1, 60)])
    wait_for(posts=1)
    redis.Redis.from_url(settings.REDIS_URL).script_flush()

    assert wait_for(posts=1)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "in 1 second."),
        (89.5, "in 90 seconds."),
        (91, "in 2 minutes."),
        (3600, "in 60 minutes."),
    ],
)
def test_a_refusal_says_when_it_can_be_done_again(seconds, words):
    refusal = rates.too_often("posts", timedelta(seconds=seconds))

    assert refusal.message == f"You are posting very fast. Try again {words}"


def test_the_rules_in_force_are_in_words(settings):
    settings.RATES = {"guest_pages": [(50, 10), (200, 60)], "sign_ups": [(5, 3600)]}

    found = [(figures, name) for _, figures, name in rates.in_force()]

    assert found == [
        ("50 in 10 seconds and 200 in 1 minute", "RATE_GUEST_PAGES"),
        ("5 in 1 hour", "RATE_SIGN_UPS"),
    ]
