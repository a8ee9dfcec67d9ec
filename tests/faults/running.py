"""Starts the runs of faults with the first test, so that they go beside all others.

A pytest plugin (`-p tests.faults.running`). Most of a run's time is spent waiting for
leases to lapse. Each has servers of its own. With pytest-xdist the process that hands out
the tests starts them, and all others read what they report.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from forllm.embedded.paths import PROJECT

SEED = 20
RUNS = (
    "F01,F02,F03,F04,F05,F06,F07,F08,F09",
    "F10,F11,F12,F13,F14,F15,F16,F17,F18,F20,F21,F22,F24,F25,F57",
    "F30,F31,F32,F33,F34,F35,F36,F37,F38,F39,F40,F41,F42,F44,F45,F46,A-SEC-1,F43,F47,"
    "F50,F51,F52,F55,F56,F58",
)
_MOST_SECONDS = 400
_TEST = re.compile(r"tests/faults/test_faults\.py::.*\[(.+)\]$")


class Runs:
    """The runs of this session; each writes a line for every fault that it has made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, tests: Iterable[str]) -> None:
        """Begin to make the faults that these tests, by their node ids, look at.

        Once: every process that runs tests tells which it has found.
        """
        if self._processes:
            return
        wanted = {found[1] for test in tests if (found := _TEST.search(test))}
        for number, run in enumerate(RUNS):
            if chosen := [fault for fault in run.split(",") if fault in wanted]:
                self._start(number, ",".join(chosen))

    def _start(self, number: int, only: str) -> None:
        report, log = self.folder / f"{number}.jsonl", self.folder / f"{number}.log"
        command = [sys.executable, "-m", "tests.faults", "--only", only]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "--seed", str(SEED), "--report", str(report)],
                cwd=PROJECT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._processes.append(process)

        def tell_of_the_end() -> None:
            process.wait()
            (self.folder / f"{number}.over").touch()

        threading.Thread(target=tell_of_the_end, daemon=True).start()

    def result(self, fault: str) -> dict[str, Any]:
        """What the fault showed, once it has been made."""
        number = next(at for at, run in enumerate(RUNS) if fault in run.split(","))
        report = self.folder / f"{number}.jsonl"
        end = time.monotonic() + _MOST_SECONDS
        while True:
            is_over = (self.folder / f"{number}.over").exists()
            if report.exists():
                for line in report.read_text().splitlines():
                    if (entry := json.loads(line))["fault"] == fault:
                        return dict(entry)
            if is_over or time.monotonic() > end:
                log = (self.folder / f"{number}.log").read_text()
                pytest.fail(f"{fault} was not made:\n{log[-3000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


_KEY = pytest.StashKey[Runs]()


def _is_handed_tests(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", {}).get("faults")
    config.stash[_KEY] = Runs(Path(given or tempfile.mkdtemp(prefix="forllm-faults-")))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["faults"] = str(node.config.stash[_KEY].folder)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    node.config.stash[_KEY].start(ids)


def pytest_collection_finish(session: pytest.Session) -> None:
    if not _is_handed_tests(session.config) and not session.config.option.collectonly:
        session.config.stash[_KEY].start(item.nodeid for item in session.items)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not _is_handed_tests(config):
        config.stash[_KEY].stop()


@pytest.fixture(scope="session")
def runs(pytestconfig: pytest.Config) -> Runs:
    return pytestconfig.stash[_KEY]
