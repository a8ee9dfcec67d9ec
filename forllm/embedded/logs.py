"""Follow the services' log files; print their lines, each with its service's name."""

import os
import re
from pathlib import Path
from typing import BinaryIO, TextIO

_ERROR = re.compile(r"error|exception|fatal|could not|cannot", re.IGNORECASE)


class Follower:
    """The new lines of one log file, also after the file was rotated away."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = b""
        self._skip_to_end()

    def _skip_to_end(self) -> None:
        self._open()
        if self._file:
            self._file.seek(0, os.SEEK_END)

    def lines(self) -> list[str]:
        """All whole lines written since the last call."""
        if self._file is None:
            self._open()
        if self._file is None:
            return []
        found = self._rest + self._file.read()
        if self._was_rotated():
            self._file.close()
            self._file = None
            self._open()
            found += self._file.read() if self._file else b""
        *whole, self._rest = found.split(b"\n")
        return [line.decode(errors="replace").rstrip("\r") for line in whole]

    def _open(self) -> None:
        try:
            self._file = self._path.open("rb")
        except FileNotFoundError:
            self._file = None

    def _was_rotated(self) -> bool:
        assert self._file is not None  # noqa: S101
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return False  # between the two steps of a rotation: ask again
        return now.st_ino != os.fstat(self._file.fileno()).st_ino


class Printer:
    """Prints what the followed services write."""

    def __init__(self, logs: dict[str, Path], output: TextIO) -> None:
        self._followers = {name: Follower(path) for name, path in logs.items()}
        self._width = max(len(name) for name in logs)
        self._output = output

    def pump(self) -> None:
        """Print the new lines of every log."""
        for name, follower in self._followers.items():
            for line in follower.lines():
                self._output.write(prefixed(name, line, self._width) + "\n")
        self._output.flush()


def prefixed(name: str, line: str, width: int) -> str:
    return f"{name:<{width}} | {line}"


def last_words(path: Path) -> str:
    """Why a service ended, as far as its log tells."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            return telling_line(file.read().decode(errors="replace"))
    except OSError:
        return ""


def telling_line(text: str) -> str:
    """The last line that speaks of an error; else the last with something in it.

    Indented lines explain the one before them, and programs tidy up after a failure.
    """
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if _ERROR.search(line) and not line[0].isspace()]
    return (told or lines or [""])[-1].strip()
