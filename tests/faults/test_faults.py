"""Every fault in its short form: `python -m tests.faults`, in three runs side by side.

Most of the time is spent waiting for leases to lapse, so the runs share the processors
well. Each has servers of its own; a test looks at what its fault showed.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forllm.embedded.paths import PROJECT

SEED = 20
_MOST_SECONDS = 400

RUNS = (
    "F01,F02,F03,F04,F05,F06,F07,F08,F09",
    "F10,F11,F12,F13,F14,F15,F16,F17,F18,F20,F21,F22,F24,F25",
    "F30,F31,F32,F33,F34,F35,F36,F37,F38,F39,F40,F41,F42,F44,F45,F46,A-SEC-1,F43,F47,"
    "F50,F51,F52,F55,F58",
)


class _Runs:
    """The runs of this session; each writes a line for every fault that it has made."""

    def __init__(self, folder: Path, wanted: set[str]) -> None:
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        for number, run in enumerate(RUNS):
            chosen = [fault for fault in run.split(",") if fault in wanted]
            if chosen:
                process = self._start(number, ",".join(chosen))
                self._processes |= dict.fromkeys(chosen, process)

    def _start(self, number: int, only: str) -> "subprocess.Popen[bytes]":
        report, log = self._folder / f"{number}.jsonl", self._folder / f"{number}.log"
        command = [sys.executable, "-m", "tests.faults", "--only", only]
        with log.open("wb") as output:
            return subprocess.Popen(
                [*command, "--seed", str(SEED), "--report", str(report)],
                cwd=PROJECT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def result(self, fault: str) -> dict[str, Any]:
        """What the fault showed, once it has been made."""
        end = time.monotonic() + _MOST_SECONDS
        while True:
            is_over = self._processes[fault].poll() is not None
            for report in self._folder.glob("*.jsonl"):
                for line in report.read_text().splitlines():
                    if (entry := json.loads(line))["fault"] == fault:
                        return dict(entry)
            if is_over or time.monotonic() > end:
                logs = [log.read_text()[-3000:] for log in self._folder.glob("*.log")]
                pytest.fail(f"{fault} was not made:\n" + "\n".join(logs))
            time.sleep(0.1)

    def stop(self) -> None:
        for process in set(self._processes.values()):
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, tmp_path_factory) -> Iterator[_Runs]:
    wanted = {
        item.callspec.params["fault"]
        for item in request.session.items
        if hasattr(item, "callspec") and "fault" in item.callspec.params
    }
    made = _Runs(tmp_path_factory.mktemp("faults"), wanted)
    yield made
    made.stop()


@pytest.mark.fault("I1", "I2", "I3", "I4", "I5", "I6", "I8", "I10")
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param("F01", marks=pytest.mark.fault("F01")),
        pytest.param("F02", marks=pytest.mark.fault("F02")),
        pytest.param("F03", marks=pytest.mark.fault("F03")),
        pytest.param("F04", marks=pytest.mark.fault("F04")),
        pytest.param("F05", marks=pytest.mark.fault("F05")),
        pytest.param("F06", marks=pytest.mark.fault("F06")),
        pytest.param("F07", marks=pytest.mark.fault("F07")),
        pytest.param("F08", marks=pytest.mark.fault("F08")),
        pytest.param("F09", marks=pytest.mark.fault("F09")),
        pytest.param("F10", marks=pytest.mark.fault("F10")),
        pytest.param("F11", marks=pytest.mark.fault("F11")),
        pytest.param("F12", marks=pytest.mark.fault("F12")),
        pytest.param("F13", marks=pytest.mark.fault("F13")),
        pytest.param("F14", marks=pytest.mark.fault("F14")),
        pytest.param("F15", marks=pytest.mark.fault("F15")),
        pytest.param("F16", marks=pytest.mark.fault("F16")),
        pytest.param("F17", marks=pytest.mark.fault("F17")),
        pytest.param("F18", marks=pytest.mark.fault("F18")),
        pytest.param("F20", marks=pytest.mark.fault("F20")),
        pytest.param("F21", marks=pytest.mark.fault("F21")),
        pytest.param("F22", marks=pytest.mark.fault("F22")),
        pytest.param("F24", marks=pytest.mark.fault("F24")),
        pytest.param("F25", marks=pytest.mark.fault("F25")),
        pytest.param("F30", marks=pytest.mark.fault("F30")),
        pytest.param("F31", marks=pytest.mark.fault("F31")),
        pytest.param("F32", marks=pytest.mark.fault("F32")),
        pytest.param("F33", marks=pytest.mark.fault("F33")),
        pytest.param("F34", marks=pytest.mark.fault("F34")),
        pytest.param("F35", marks=pytest.mark.fault("F35")),
        pytest.param("F36", marks=pytest.mark.fault("F36")),
        pytest.param("F37", marks=pytest.mark.fault("F37")),
        pytest.param("F38", marks=pytest.mark.fault("F38")),
        pytest.param("F39", marks=pytest.mark.fault("F39")),
        pytest.param("F40", marks=pytest.mark.fault("F40")),
        pytest.param("F41", marks=pytest.mark.fault("F41")),
        pytest.param("F42", marks=pytest.mark.fault("F42")),
        pytest.param("F44", marks=pytest.mark.fault("F44")),
        pytest.param("F45", marks=pytest.mark.fault("F45")),
        pytest.param("F46", marks=pytest.mark.fault("F46")),
        pytest.param("A-SEC-1", marks=pytest.mark.fault("A-SEC-1")),
        pytest.param("F43", marks=pytest.mark.fault("F43")),
        pytest.param("F47", marks=pytest.mark.fault("F47")),
        pytest.param("F50", marks=pytest.mark.fault("F50")),
        pytest.param("F51", marks=pytest.mark.fault("F51")),
        pytest.param("F52", marks=pytest.mark.fault("F52")),
        pytest.param("F55", marks=pytest.mark.fault("F55")),
        pytest.param("F58", marks=pytest.mark.fault("F58")),
    ],
)
def test_a_fault_loses_and_doubles_nothing(fault, runs):
    shown = runs.result(fault)

    assert not shown["violations"], shown
    assert (shown["lost"], shown["doubled"]) == (0, 0)
    assert shown["n"] > 0
