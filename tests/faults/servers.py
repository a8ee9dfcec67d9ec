"""PostgreSQL and Valkey of one run, to be killed, emptied, stopped and started."""

import os
import signal
import time
from pathlib import Path

import redis

from forllm.embedded import postgres
from tests.services import TestServers

# As little as possible waits on the disk, and yet what is committed survives a kill:
# only the machine's own death would lose it.
_OPTIONS = ["--fsync=off", "--max_connections=200", "--restart_after_crash=on"]


class OwnServers(TestServers):
    """The servers of one run, whatever the TEST_ variables name."""

    def __init__(self) -> None:
        super().__init__()
        self._database_url = self._redis_url = ""

    @property
    def folder(self) -> Path:
        return self._folder

    @property
    def sockets(self) -> Path:
        return self._sockets

    def restart_postgres(self, number: signal.Signals) -> float:
        """End PostgreSQL by this signal and start it again; return when it was up.

        SIGINT is its fast shutdown, SIGQUIT the immediate one, SIGKILL a crash.
        """
        assert self._postgres is not None
        self._postgres.send_signal(number)
        self._postgres.wait(30)
        self._run_postgres()
        return time.time()

    def freeze_valkey(self) -> None:
        """Valkey takes connections from now on, and never answers."""
        assert self._valkey is not None
        self._valkey.send_signal(signal.SIGSTOP)

    def thaw_valkey(self) -> None:
        """Valkey goes on where it was."""
        assert self._valkey is not None
        self._valkey.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        """Valkey forgets all it holds."""
        with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
            client.flushall()

    def _start_postgres(self) -> None:
        postgres.initialise(
            self._folder / "postgres",
            password=self._state.postgres_password,
            servers=self._servers,
            durable=False,
        )
        self._run_postgres()

    def _run_postgres(self) -> None:
        command = postgres.command(self._folder / "postgres", self._sockets)
        end = time.monotonic() + 30
        while True:
            self._postgres = self._launch(
                "postgres", [*command, *_OPTIONS], signal.SIGINT
            )
            try:
                self._wait("postgres", self._complaint)
                return
            except RuntimeError:
                # The killed server's last children may still hold its memory.
                if time.monotonic() > end:
                    raise

    def _complaint(self) -> str | None:
        assert self._postgres is not None
        if self._postgres.poll() is not None:
            raise RuntimeError("PostgreSQL ended at once")
        return postgres.complaint(self._sockets, self._state.postgres_password)
