"""Programs of ours as processes, on the tests' own database and Valkey."""

import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from subprocess import Popen

import httpx
import pytest
from django.db import connection

# Shrunk, so that what takes 100 s in production takes 10 s here.
QUICK = {
    "LLM_HEARTBEAT_SECONDS": "1",
    "LLM_LEASE_SECONDS": "4",
    "LLM_SWEEP_SECONDS": "2",
    "LLM_PUBLISH_PAUSE_SECONDS": "2",
}


def wait_until(is_so: Callable[[], object], *, seconds: float = 30) -> None:
    """Return as soon as `is_so` holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"not so within {seconds} s"
        time.sleep(0.05)


@pytest.fixture
def launch(
    servers, transactional_db, tmp_path, fake_llm, settings
) -> Iterator[Callable]:
    """Start a program with the tests' database; ended with the test."""
    settings.LLM_PUBLISH_PAUSE = timedelta(seconds=0.5)
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
def start_worker(launch, tmp_path) -> Callable[..., Popen[bytes]]:
    """Start a worker, with eight threads or as many as are said; wait until it listens."""
    started = 0

    def start(*, threads: int = 8, **environment: str) -> Popen[bytes]:
        nonlocal started
        started += 1
        log = f"worker-{started}.log"
        options = f"-P threads -c {threads} --without-gossip --without-mingle -l INFO"
        command = ("celery", "-A", "forllm", "worker", *options.split())
        process = launch(*command, log=log, **environment)
        wait_until(lambda: " ready." in (tmp_path / log).read_text())
        return process

    return start


@pytest.fixture
def beat(launch, tmp_path) -> Popen[bytes]:
    schedule = str(tmp_path / "schedule")
    return launch("celery", "-A", "forllm.beat", "beat", "-s", schedule, log="beat.log")


@pytest.fixture(scope="session")
def static_files(tmp_path_factory) -> Path:
    """Where the first web server that a test wants puts the static files, for all."""
    folder: Path = tmp_path_factory.mktemp("collected")
    return folder


@pytest.fixture
def web(launch, tmp_path, static_files) -> str:
    """The web server as `manage.py up` runs it; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = f"uvicorn forllm.asgi:application --port {port} --no-access-log".split()
    command += ["--http", "forllm.connections:Protocol"]
    own = {"SITE_URL": address, "FORLLM_DATA": str(tmp_path)}
    if not (static_files / "static").exists():
        collect = ("django", "collectstatic", "--noinput")
        whole = own | {"FORLLM_DATA": str(static_files)}
        assert launch(*collect, log="static.log", **whole).wait() == 0
    (tmp_path / "static").symlink_to(static_files / "static")
    launch(*command, log="web.log", **own)

    def answers() -> bool:
        try:
            return httpx.get(f"{address}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    wait_until(answers)
    return address


def kill(process: Popen[bytes]) -> None:
    """End a process as a power cut would."""
    process.send_signal(signal.SIGKILL)
    process.wait()
