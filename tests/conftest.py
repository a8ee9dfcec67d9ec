"""Programs of ours as processes, on the tests' own database and Valkey."""

import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from subprocess import Popen

import httpx
import pytest
from django.db import connection

from forum.invariants import check_forum
from forum.models import Ask
from forum.services import asks
from llmconfig.models import LLMConfig
from llmqueue.invariants import check_queue
from llmqueue.work import runner
from tests.forge import Forge, Forked

type Program = Popen[bytes] | Forked

# Shrunk, so that what takes 100 s in production takes some 10 s here. A machine that
# stands still for four seconds loses no lease.
QUICK = {
    "LLM_HEARTBEAT_SECONDS": "1",
    "LLM_LEASE_SECONDS": "6",
    "LLM_SWEEP_SECONDS": "2",
    "LLM_PUBLISH_PAUSE_SECONDS": "2",
}


def wait_until(is_so: Callable[[], object], *, seconds: float = 60) -> None:
    """Return as soon as `is_so` holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"not so within {seconds} s"
        time.sleep(0.05)


@pytest.fixture
def unbroken(transactional_db) -> Iterator[None]:
    """What `manage.py check_invariants` looks at holds when the programs have ended."""
    yield
    assert [str(violation) for violation in [*check_queue(), *check_forum()]] == []


@pytest.fixture
def _hasty(settings) -> None:
    settings.LLM_PUBLISH_PAUSE = timedelta(seconds=0.5)


@pytest.fixture
def launch(servers, transactional_db, tmp_path, fake_llm, _hasty) -> Iterator[Callable]:
    """Start a program with the tests' database; ended with the test."""
    processes: list[Popen[bytes]] = []

    def start(*command: str, log: str, **environment: str) -> Popen[bytes]:
        process: Popen[bytes] = servers.launch(
            [sys.executable, "-m", *command],
            database=connection.settings_dict["NAME"],
            environment=QUICK
            | {"LLM_PRIVATE_HOSTS": f"127.0.0.1:{fake_llm.port}"}
            | environment,
            log=tmp_path / log,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def start_worker(launch, fork, tmp_path) -> Callable[..., Program]:
    """Start a worker, with eight threads or as many as are said; wait until it listens.

    One with an environment of its own takes seconds, as it imports everything itself.
    """
    started = 0

    def start(*, threads: int = 8, **environment: str) -> Program:
        nonlocal started
        started += 1
        log = f"worker-{started}.log"
        options = f"-P threads -c {threads} --without-gossip --without-mingle -l INFO"
        process: Program
        if environment:
            command = ("celery", "-A", "forllm", "worker", *options.split())
            process = launch(*command, log=log, **environment)
        else:
            process = fork("worker", *options.split(), log=log)
        is_there = (tmp_path / log).exists
        wait_until(lambda: is_there() and " ready." in (tmp_path / log).read_text())
        return process

    return start


@pytest.fixture
def beat(launch, tmp_path) -> Popen[bytes]:
    schedule = str(tmp_path / "schedule")
    return launch("celery", "-A", "forllm.beat", "beat", "-s", schedule, log="beat.log")


@pytest.fixture(scope="session")
def web_address() -> Iterator[str]:
    """Where the web servers of this session listen, one after another."""
    with socket.socket() as place:
        # Bound all the while, so that no connection out gets its port; who sets the same
        # option may listen there.
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{place.getsockname()[1]}"


@pytest.fixture(scope="session")
def _forge(
    servers, django_db_setup, fake_server, web_address, tmp_path_factory
) -> Iterator[Forge]:
    folder = tmp_path_factory.mktemp("forge")
    own = QUICK | {
        "LLM_PRIVATE_HOSTS": f"127.0.0.1:{fake_server.port}",
        "SITE_URL": web_address,
        "FORLLM_DATA": str(folder),
    }
    environment = servers.environment_of(connection.settings_dict["NAME"]) | own
    forge = Forge("tests.forge", environment=environment, log=folder / "forge.log")
    yield forge
    forge.stop()


@pytest.fixture
def fork(
    _forge, transactional_db, tmp_path, fake_llm, _hasty
) -> Iterator[Callable[..., Forked]]:
    """Start a worker or web server with the tests' database; ended with the test."""
    processes: list[Forked] = []

    def start(program: str, *options: str, log: str) -> Forked:
        process: Forked = _forge.fork(
            program=program, options=options, log=tmp_path / log
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def web(fork, web_address) -> str:
    """The web server as `manage.py up` runs it; its address."""
    port = web_address.rpartition(":")[2]
    options = ["--port", port, "--no-access-log"]
    fork("web", *options, "--http", "forllm.connections:Protocol", log="web.log")

    def answers() -> bool:
        try:
            return httpx.get(f"{web_address}/healthz", timeout=30).status_code == 200
        except httpx.TransportError:
            return False

    wait_until(answers)
    return web_address


def kill(process: Program) -> None:
    """End a process as a power cut would."""
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.fixture
def answer(fake_config, fake_llm):
    """Ask, and let the fake provider answer."""

    def run(post, member, persona=None, text="Two hours.") -> Ask:
        fake_llm.always_answers(text)
        ask = asks.ask(post=post, member=member, persona=persona)
        runner.run_next()
        ask.refresh_from_db()
        return ask

    return run


@pytest.fixture
def second(fake_config) -> LLMConfig:
    """The fallback of the site's default model."""
    fake_config.fallback = LLMConfig.objects.create(
        name="Second", model="fake-2", endpoint=fake_config.endpoint, is_global=True
    )
    fake_config.save()
    return fake_config.fallback
