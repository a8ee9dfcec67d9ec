"""A forum on servers of its own, with workers that can be killed and asks to lose."""

import json
import logging
import os
import random
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import django
import httpx

from tests.fake_llm import FakeLLM, Reply, Seen
from tests.faults.servers import OwnServers
from tests.forge import Forge, Forked

# Shrunk, so that what takes at most 100 s in production takes at most 10 s here.
HEARTBEAT, LEASE, SWEEP, RECOVERY = 1.0, 5.0, 2.0, 10.0
QUICK = {
    "LLM_HEARTBEAT_SECONDS": str(HEARTBEAT),
    "LLM_LEASE_SECONDS": str(LEASE),
    "LLM_SWEEP_SECONDS": str(SWEEP),
    "LLM_PUBLISH_PAUSE_SECONDS": "2",
    # Each fault shows what becomes of one request; a pause would hide it from the next.
    "LLM_BREAKER_FAILURES": "1000000",
}
# A key that must be found nowhere; the endpoints' own, so every call carries it.
CANARY = f"sk-canary-{secrets.token_hex(12)}"
ANSWER = "Two hours, with the lid on."
_MARK = re.compile(r"\[ask (\d+)\]")


class Stage:
    """Servers, provider, members and workers of one run; `random` is its only chance."""

    def __init__(self, seed: int, *, is_long: bool = False) -> None:
        self.random = random.Random(seed)
        self.is_long = is_long
        self.servers = OwnServers()
        self.logs = self.servers.folder / "logs"
        self.logs.mkdir()
        self.provider = FakeLLM(log=self.servers.folder / "provider.jsonl")
        self.stranger = FakeLLM()  # where nobody should ever call
        self.refused_port = free_port()
        self.workers: list[Forked] = []
        self.submitted = 0
        self._marks = 0
        self._posts_left: list[Any] = []
        self._started = 0
        self._forge: Forge | None = None

    def __enter__(self) -> "Stage":
        self.servers.start()
        hosts = (self.provider.port, self.stranger.port, self.refused_port)
        os.environ.update(QUICK)
        os.environ["LLM_PRIVATE_HOSTS"] = ",".join(
            [*(f"127.0.0.1:{port}" for port in hosts), "nowhere.invalid:443"]
        )
        self._forge = Forge(
            "tests.faults.worker", environment=os.environ, log=self.logs / "forge.log"
        )
        django.setup()
        self._be_quiet()
        # A pool would wait ten seconds for a server that is down for one.
        from django.db import connection

        from tests.faults import oracle

        connection.settings_dict["OPTIONS"].pop("pool", None)
        connection.settings_dict["OPTIONS"]["connect_timeout"] = 5
        from django.core.management import call_command

        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)
        oracle.write_history()
        self._make_members()
        self.provider.__enter__()
        self.stranger.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.retire()
        if self._forge is not None:
            self._forge.stop()
        self.provider.__exit__()
        self.stranger.__exit__()
        from django.db import connection

        connection.close()
        self.servers.stop()

    def _be_quiet(self) -> None:
        """Log into a file, which the oracle reads, and want no collected files."""
        from django.conf import settings

        logging.getLogger().handlers = [logging.FileHandler(self.logs / "here.log")]
        plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
        settings.STORAGES["staticfiles"] = {"BACKEND": plain}
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)

    # What is asked.

    def fresh(self) -> None:
        """No requests, no topics, no limits, one endpoint with the canary as its key."""
        from django.db import connection

        from accounts.models import User
        from forum.models import Subforum
        from llmconfig.models import Endpoint, LLMConfig
        from llmqueue.models import Lane

        connection.close()
        with connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE queue_llmrequest, forum_topic, forum_subforum, fault_history,"
                " queue_workerheartbeat, queue_spendlimit, queue_spendbucket,"
                " queue_dailyusage CASCADE"
            )
        User.objects.update(unseen_notices=0)  # the notices went with the asks
        self.subforum = Subforum.objects.create(name="Kitchen", slug="kitchen")
        LLMConfig.objects.all().delete()
        Lane.objects.all().delete()
        Endpoint.objects.all().delete()
        self.submitted, self._posts_left = 0, []
        self.provider.reset()
        self.provider.always_answers(ANSWER)
        self.endpoint = self.make_endpoint("Fake")
        self.config = self.make_config("Fake", self.endpoint, is_default=True)

    def make_endpoint(
        self, name: str, *, address: str = "", seconds: float = 20, most: int = 4
    ) -> Any:
        """An endpoint of the fake provider, whose site key is the canary."""
        from core.encryption import encrypt
        from llmconfig.models import Endpoint

        address = address or self.provider.address
        url = httpx.URL(address)
        host = f"{url.host}:{url.port or 443}"
        return Endpoint.objects.create(
            name=name,
            provider="compatible",
            api_base=address,
            site_key=encrypt(CANARY, owner="site", host=host),
            max_in_flight=most,
            call_deadline=timedelta(seconds=seconds),
        )

    def make_config(self, name: str, endpoint: Any, **fields: Any) -> Any:
        from llmconfig.models import LLMConfig

        fields = {"model": "fake-1", "context_posts": 2} | fields
        return LLMConfig.objects.create(
            name=name, endpoint=endpoint, is_global=True, **fields
        )

    def room(self, most: int, *, seconds: float = 20) -> None:
        """How many calls the endpoint takes at once, and for how long each may run."""
        self.endpoint.max_in_flight = most
        self.endpoint.call_deadline = timedelta(seconds=seconds)
        self.endpoint.save()

    def new_post(self, member: Any = None) -> Any:
        """A post by `member` that carries a mark of its own, five to a topic."""
        from forum.services import posts

        if self._posts_left and member is None:
            return self._posts_left.pop()
        author = member or self.members[0]
        topic = posts.create_topic(
            subforum=self.subforum,
            author=author,
            title=f"Soup {self._marks}",
            body=self._marked("How long?"),
        )
        opening = topic.posts.get()
        if member is None:
            self._posts_left = [
                posts.reply(parent=opening, author=author, body=self._marked("And?"))
                for _ in range(4)
            ]
        return opening

    def _marked(self, text: str) -> str:
        self._marks += 1
        return f"{text} [ask {self._marks}]"

    def ask(self, count: int = 1) -> list[int]:
        """Ask for answers to `count` new posts; the ids of the requests."""
        return [
            self.ask_about(
                self.new_post(), self.members[at % len(self.members)]
            ).request_id
            for at in range(count)
        ]

    def ask_about(self, post: Any, member: Any, **how: Any) -> Any:
        from forum.services import asks

        asked = asks.ask(post=post, member=member, **how)
        self.submitted += 1
        return asked

    def hold(self, count: int, answer: Reply) -> threading.Event:
        """Answer the next `count` calls so, but not before the event returned is set."""
        gate, left = threading.Event(), [answer] * count

        def choose(seen: Seen) -> Reply:
            if not left:
                return Reply(text=ANSWER)
            held = left.pop()
            gate.wait(120)
            return held

        self.provider.answers_by(choose)
        return gate

    # What is seen.

    def calls(self) -> list[Seen]:
        return self.provider.calls()

    def calls_by_mark(self) -> dict[int, list[Seen]]:
        """The provider's calls by the mark of the post that was to be answered."""
        found: dict[int, list[Seen]] = {}
        for seen in self.calls():
            found.setdefault(mark_of(seen), []).append(seen)
        return found

    def unfinished(self) -> int:
        from llmqueue.models import LLMRequest

        return LLMRequest.objects.unfinished().count()

    def wait_quiet(self, seconds: float = 60, *, workers: int = 0) -> bool:
        """Wait until every request has ended; False if some have not by then.

        As a supervisor does, start a worker anew while fewer than `workers` live.
        """

        def look() -> bool:
            if sum(worker.is_alive for worker in self.workers) < workers:
                self.have_workers(workers)
            return patiently(self.unfinished) == 0

        return wait_until(look, seconds=seconds)

    # Who works.

    def start_worker(
        self,
        *,
        threads: int = 8,
        fail: str = "",
        proxy: str = "",
        visibility_timeout: int = 0,
        sweep_seconds: float = SWEEP,
        is_awaited: bool = True,
    ) -> Forked:
        """Start one more worker, which is there until it is killed."""
        assert self._forge is not None
        self._started += 1
        worker = self._forge.fork(
            log=self.logs / f"worker-{self._started}.log",
            threads=threads,
            fail=fail,
            proxy=proxy,
            visibility_timeout=visibility_timeout,
            sweep_seconds=sweep_seconds,
        )
        self.workers.append(worker)
        if is_awaited and not wait_until(lambda: " ready." in worker.text, seconds=90):
            raise RuntimeError(f"no worker:\n{worker.text[-2000:]}")
        return worker

    def have_workers(self, count: int, *, threads: int = 8) -> list[Forked]:
        """Workers without a flaw: those that are there, and what lacks."""
        self.workers = [worker for worker in self.workers if worker.is_alive]
        while len(self.workers) < count:
            self.start_worker(threads=threads)
        return list(self.workers)

    def retire(self) -> None:
        """End all workers at once."""
        for worker in self.workers:
            worker.kill()
        for worker in self.workers:
            worker.wait(10)
        self.workers = []

    @contextmanager
    def program(
        self, *command: str, name: str, **variables: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """One of our other programs, such as beat, for a while."""
        process = self.servers.launch(
            [sys.executable, "-m", *command],
            database="forllm",
            environment=QUICK | {"FORLLM_DATA": str(self.servers.folder)} | variables,
            log=self.logs / f"{name}.log",
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def _make_members(self) -> None:
        from allauth.account.models import EmailAddress

        from accounts.models import User
        from core.services import claim_handle

        self.members = [
            User.objects.create_user(
                f"{name}@example.com",
                None,
                handle=claim_handle(name=name, allow_reserved=True),
            )
            for name in ("alice", "bob", "carol", "dave", "erin")
        ]
        for member in self.members:
            EmailAddress.objects.create(
                user=member, email=member.email, primary=True, verified=True
            )


def mark_of(seen: Seen) -> int:
    """The mark of the post that this call was to answer, which comes last; 0: none."""
    found = _MARK.findall(json.dumps(seen.body))
    return int(found[-1]) if found else 0


def wait_until(is_so: Callable[[], object], *, seconds: float) -> bool:
    """Wait for `is_so`; False when it does not come in time."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def patiently[T](look: Callable[[], T], *, seconds: float = 60) -> T:
    """What `look` finds, as soon as the database is there to be asked."""
    from django.db import InterfaceError, OperationalError, connection

    end = time.monotonic() + seconds
    while True:
        try:
            return look()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def free_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
