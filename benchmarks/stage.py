"""A forum with the fake provider, a worker, beat and the web, to measure on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import django
import httpx

from tests.fake_llm import FakeLLM


def prepare(provider: FakeLLM) -> None:
    """Set Django up on the throw-away database, with `provider` as the site's model."""
    os.environ["LLM_PRIVATE_HOSTS"] = f"127.0.0.1:{provider.port}"
    django.setup()
    from django.core.management import call_command

    from forllm.seeding import seed
    from forum.models import Ask
    from llmconfig.models import Endpoint, LLMConfig

    call_command("prepare")
    seed()
    Ask.objects.all().delete()
    endpoint = Endpoint.objects.create(
        name="Fake",
        provider="compatible",
        api_base=provider.address,
        max_in_flight=20,
        call_deadline=timedelta(minutes=10),
    )
    LLMConfig.objects.create(
        name="Fake",
        model="fake-1",
        endpoint=endpoint,
        is_global=True,
        is_default=True,
    )


def start(*command: str, log: str = os.devnull) -> "subprocess.Popen[bytes]":
    """Start one of our programs; its output goes to `log`."""
    with Path(log).open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", *command], stdout=output, stderr=output
        )


def start_worker() -> "subprocess.Popen[bytes]":
    options = "-P threads -c 16 --without-gossip --without-mingle".split()
    return start("celery", "-A", "forllm", "worker", *options)


def start_beat() -> "subprocess.Popen[bytes]":
    schedule = str(Path(os.environ["FORLLM_DATA"]) / "schedule")
    return start("celery", "-A", "forllm.beat", "beat", "-s", schedule)


@contextmanager
def web(port: int = 8399) -> Iterator[str]:
    """The web server on `port`; its address."""
    process = start(*f"uvicorn forllm.asgi:application --port {port}".split())
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(address), seconds=30)
        yield address
    finally:
        end(process)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def end(process: "subprocess.Popen[bytes]", number: int = signal.SIGKILL) -> None:
    process.send_signal(number)
    process.wait()


def wait_until(is_so: Callable[[], object], *, seconds: float) -> bool:
    """Wait for `is_so`; False when it does not come in time."""
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
