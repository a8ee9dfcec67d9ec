"""A rotation that is killed in its middle, as the program that it is."""

import signal
import subprocess
import sys
import threading
import time

import pytest
from cryptography.fernet import Fernet
from django.db import connection, transaction

from forum.services import asks
from llmconfig.models import ApiKey, Endpoint
from llmconfig.services import keys
from llmconfig.services.rotation import BATCH, rotate
from llmqueue.models import LLMRequest
from llmqueue.work import runner
from tests.conftest import wait_until
from tests.own_keys import SITE_KEY, bring_key, bring_site_key
from tests.races import start, wait_until_blocked


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault("A-SEC-4", "F59")
def test_a_rotation_that_was_killed_is_gone_on_with_and_no_read_fails(
    servers, make_member, fake_endpoint, settings
):
    """Killed while it waits for a row of the third batch: two of them are done."""
    members = [make_member(f"member-{number}") for number in range(3 * BATCH)]
    for member in members:
        bring_key(member, fake_endpoint, f"sk-key-of-{member.handle.name}-{'x' * 9}")
    old, new = settings.LLM_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    settings.LLM_ENCRYPTION_KEYS = [new, old]
    environment = servers.environment_of(connection.settings_dict["NAME"]) | {
        "LLM_ENCRYPTION_KEYS": f"{new},{old}"
    }

    def run() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "manage.py", "rotate_keys"],
            env=environment,
            stdout=subprocess.DEVNULL,
        )

    def opened_by(key: str) -> int:
        settings.LLM_ENCRYPTION_KEYS = [key]
        count = len(members) - keys.count_unreadable()
        settings.LLM_ENCRYPTION_KEYS = [new, old]
        return count

    def all_read() -> bool:
        return all(
            keys.call_secrets(endpoint=fake_endpoint, owner=member).startswith(
                f"sk-key-of-{member.handle.name}"
            )
            for member in members
        )

    with transaction.atomic():
        last = ApiKey.objects.order_by("-pk").select_for_update().first()
        assert last is not None
        process = run()
        wait_until_blocked(start(process.wait))
        assert all_read()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (opened_by(new), opened_by(old)) == (2 * BATCH, BATCH)
    assert all_read()

    assert run().wait() == 0

    assert (opened_by(new), opened_by(old)) == (3 * BATCH, 0)
    assert all_read()


@pytest.fixture
def endpoint(fake_config) -> Endpoint:
    """The fake provider on a key of the site's."""
    return bring_site_key(fake_config.endpoint)


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault("A-SEC-4", "F59")
def test_no_request_fails_while_keys_are_rotated_beside_workers(
    servers, opening, make_member, endpoint, fake_llm, settings
):
    old, new = settings.LLM_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    members = [make_member(f"member-{number}") for number in range(12)]
    for member in members:
        bring_key(member, endpoint, f"sk-key-of-{member.handle.name}-{'x' * 9}")
    settings.LLM_ENCRYPTION_KEYS = [new, old]
    both = {"LLM_ENCRYPTION_KEYS": f"{new},{old}"}
    environment = servers.environment_of(connection.settings_dict["NAME"]) | both
    fake_llm.always_answers("Yes.")
    is_rotated = threading.Event()

    def work() -> None:
        while not is_rotated.is_set() or LLMRequest.objects.unfinished().exists():
            if runner.run_next() is None:
                time.sleep(0.05)

    workers = [start(work) for _ in range(2)]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "rotate_keys"], env=environment
    )
    while process.poll() is None:
        for member in members:
            asks.ask(post=opening, member=member)
        time.sleep(0.5)
    is_rotated.set()
    for worker in workers:
        worker.result(120)

    assert process.returncode == 0
    assert set(LLMRequest.objects.values_list("status", flat=True)) == {"complete"}
    assert len({seen.key for seen in fake_llm.calls()}) == len(members)
    settings.LLM_ENCRYPTION_KEYS = [old]
    assert keys.count_unreadable() == len(members) + 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault("F59")
def test_a_worker_with_a_wrong_key_says_so_at_its_start(
    opening, bob, fake_config, fake_llm, start_worker, tmp_path, settings
):
    """The rows are by a key that the worker does not have."""
    settings.LLM_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    endpoint = bring_site_key(fake_config.endpoint)
    bring_key(bob, endpoint, SITE_KEY)
    before = [*ApiKey.objects.values(), *Endpoint.objects.values()]

    start_worker()
    request = asks.ask(post=opening, member=bob).request
    wait_until(lambda: not LLMRequest.objects.unfinished().exists())

    log = (tmp_path / "worker-1.log").read_text()
    request.refresh_from_db()
    assert "2 stored provider keys cannot be read" in log
    assert request.error_class == "own_key"
    assert fake_llm.requests == []
    assert [*ApiKey.objects.values(), *Endpoint.objects.values()] == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault("A-SEC-4")
def test_a_key_that_is_saved_during_a_rotation_stays(bob, fake_endpoint, settings):
    bring_key(bob, fake_endpoint, SITE_KEY)
    old = settings.LLM_ENCRYPTION_KEYS[0]
    settings.LLM_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), old]
    newer = "sk-canary-the-newer-key-of-a-member"

    with transaction.atomic():
        ApiKey.objects.update(
            secret=keys.encrypt_own_key(newer, owner=bob, address=fake_endpoint.address)
        )
        rotating = start(lambda: list(rotate()))
        wait_until_blocked(rotating)
    rotating.result(60)

    assert keys.call_secrets(endpoint=fake_endpoint, owner=bob) == newer
