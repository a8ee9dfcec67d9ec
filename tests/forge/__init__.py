"""Processes forked from one that has imported everything: there at once, not in seconds."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forllm.embedded import leash
from forllm.embedded.paths import PROJECT


@dataclass
class Forked:
    """A process of the forge. Its parent, the forge, buries it as soon as it ends."""

    pid: int
    log: Path

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would, if it has not ended."""
        if self.is_alive:
            self.send_signal(signal.SIGKILL)

    def wait(self, seconds: float = 30) -> None:
        """Return when it has ended; raises AssertionError when it does not in time."""
        end = time.monotonic() + seconds
        while self.is_alive:
            assert time.monotonic() < end, (
                f"{self.pid} did not end:\n{self.text[-2000:]}"
            )
            time.sleep(0.01)

    @property
    def is_alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    @property
    def text(self) -> str:
        """What it has written."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Forge:
    """A process that has imported everything, and starts others by forking itself."""

    def __init__(
        self, module: str, *, environment: Mapping[str, str], log: Path
    ) -> None:
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                leash.wrap([sys.executable, "-m", module]),
                cwd=PROJECT,
                env={**environment, "PYTHONUNBUFFERED": "1", **leash.parent_variable()},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._log = log

    def fork(self, *, log: Path, **order: Any) -> Forked:
        """Start a process that writes to `log`; what it does is its module's affair."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"log": str(log), **order}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the forge has ended:\n{self._log.read_text()[-2000:]}"
        return Forked(int(answer), log)

    def stop(self) -> None:
        """End it, and with it all that it has started."""
        self._process.kill()
        self._process.wait()
