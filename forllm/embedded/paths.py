"""The data folder: what lies where, and who may read it."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from forllm.embedded.errors import StartRefused

PROJECT = Path(__file__).resolve().parent.parent.parent
# A unix socket's address holds 108 bytes on Linux and 104 on macOS, one of them a NUL.
_LONGEST_SOCKET_NAME = len("/sockets/supervisor.sock.1234567")
_LONGEST_SOCKET_PATH = 103


@dataclass(frozen=True)
class Paths:
    """Places in the data folder. `private` is it too, or a short folder for sockets."""

    data: Path
    private: Path

    @property
    def lock(self) -> Path:
        return self.data / "lock"

    @property
    def state(self) -> Path:
        return self.data / "state.json"

    @property
    def environment(self) -> Path:
        return self.data / "embedded.env"

    @property
    def logs(self) -> Path:
        return self.data / "log"

    @property
    def postgres(self) -> Path:
        return self.data / "postgres"

    @property
    def valkey(self) -> Path:
        return self.data / "valkey"

    @property
    def run(self) -> Path:
        """What watches the services; closed to everyone else, the servers too."""
        return self.private / "run"

    @property
    def sockets(self) -> Path:
        """The sockets of PostgreSQL and Valkey, which own this folder."""
        return self.private / "sockets"

    def log(self, service: str) -> Path:
        return self.logs / f"{service}.log"

    def pid_file(self, service: str) -> Path:
        return self.run / f"{service}.pid"


def make_data_folder(data: Path) -> None:
    """Make the data folder, or refuse one that holds what FORLLM did not put there."""
    if not data.exists():
        data.mkdir(parents=True)
        data.chmod(0o711)  # the servers' user passes through; nobody can list it
    elif not data.is_dir():
        raise StartRefused(f"FORLLM_DATA: {data} is not a folder.")
    elif not (data / "lock").exists() and any(data.iterdir()):
        raise StartRefused(
            f"FORLLM_DATA: {data} is not empty and was not made by FORLLM; "
            "name an empty or a new folder."
        )


def place(data: Path, short_folder: str | None) -> tuple[Paths, str | None]:
    """Choose where the sockets go; return the paths and the short folder, if needed.

    `short_folder` is the one an earlier start chose; it is used again if it is ours.
    """
    if len(os.fsencode(data)) + _LONGEST_SOCKET_NAME <= _LONGEST_SOCKET_PATH:
        return Paths(data, data), None
    if short_folder is None or not _is_ours(Path(short_folder), data):
        short_folder = tempfile.mkdtemp(prefix="forllm-")
        Path(short_folder).chmod(0o711)
    return Paths(data, Path(short_folder)), short_folder


def _is_ours(folder: Path, data: Path) -> bool:
    if not folder.is_dir() or folder.is_symlink():
        return False
    found = folder.stat()
    return found.st_uid in (os.geteuid(), data.stat().st_uid) and not (
        found.st_mode & 0o022
    )


def make_closed(folder: Path) -> None:
    """Make a folder, or take an existing one, that only its owner may enter."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)


def give(folder: Path, user: int, group: int) -> None:
    """As root, hand a folder and all in it to a user, unless it is theirs already."""
    if folder.lstat().st_uid == user:
        return
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            os.chown(os.path.join(parent, name), user, group, follow_symlinks=False)
    os.chown(folder, user, group)  # last: an interrupted run begins again


def write_private(path: Path, text: str) -> None:
    """Replace a file that only its owner may read, wholly or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def require_free_space(data: Path, megabytes: int = 200) -> None:
    """Refuse to start on a disk on which the databases would soon stop."""
    free = shutil.disk_usage(data).free // 2**20
    if free < megabytes:
        raise StartRefused(
            f"The disk is almost full: {free} MB are free in {data}, "
            f"and FORLLM needs {megabytes} MB."
        )
