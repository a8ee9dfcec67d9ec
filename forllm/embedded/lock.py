"""One `manage.py up` at a time on a data folder, and nothing left of an earlier one."""

import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TextIO

from forllm.embedded.errors import StartRefused
from forllm.embedded.paths import Paths


def take_lock(path: Path, purpose: str) -> TextIO:
    """Lock the data folder for as long as the returned file is open.

    `purpose`: how to name the holder to one who comes second, such as its address.
    """
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "another process"
        file.close()
        raise StartRefused(
            f"FORLLM is already running with the data in {path.parent} ({holder})."
        ) from None
    file.seek(0)
    file.truncate()
    file.write(f"process {os.getpid()}, {purpose}\n")
    file.flush()
    return file


def end_leftovers(paths: Paths, patience_seconds: float = 6) -> None:
    """Wait for what an earlier, killed `up` left to end by itself; then end it.

    On Linux the leashes have done that already, or are about to. Elsewhere there are
    none, so the process ids that were written down are what there is.
    """
    files = list(paths.run.glob("*.pid"))
    end = time.monotonic() + patience_seconds
    if not _has_leashes():
        _signal_all(_living(files), signal.SIGINT)
    while (left := _living(files)) and time.monotonic() < end:
        time.sleep(0.1)
    if left:
        _signal_all(left, signal.SIGKILL)
        time.sleep(0.5)
    for file in files:
        file.unlink(missing_ok=True)
    _forget_stranger(paths.postgres / "postmaster.pid")


def _forget_stranger(postmaster: Path) -> None:
    """Drop PostgreSQL's own mark if its process id is somebody else's by now.

    PostgreSQL would take that process for itself and refuse to start.
    """
    if postmaster.exists():
        command = _command_of(int(postmaster.read_text().split()[0]))
        if "postgres" not in command:
            postmaster.unlink()


def _has_leashes() -> bool:
    return os.uname().sysname == "Linux"


def _living(pid_files: list[Path]) -> set[int]:
    """The processes that these files name, if they are still what we started."""
    found = set()
    for file in pid_files:
        try:
            pid, _, command = file.read_text().strip().partition("\n")
        except FileNotFoundError:
            continue
        if command and _command_of(int(pid)).strip() == command:
            found.add(int(pid))
    return found


def _command_of(pid: int) -> str:
    shown = Path(f"/proc/{pid}/cmdline")
    if shown.exists():
        return shown.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    if _has_leashes():
        return ""
    done = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
    )
    return done.stdout


def _signal_all(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
