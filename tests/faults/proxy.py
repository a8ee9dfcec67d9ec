"""A door in front of PostgreSQL that can be shut at the moment of a COMMIT."""

import os
import select
import socket
import threading
from pathlib import Path
from typing import Self

_SOCKET = ".s.PGSQL.5432"


class CommitCutter:
    """Passes everything on, and cuts connections at the commits it was told to.

    A commit is known by an earlier statement of its transaction, such as
    `INSERT INTO "forum_post"`. Half of them reach PostgreSQL before the cut and half do
    not, so that the client cannot know; `cuts` counts both.
    """

    def __init__(self, sockets: Path, folder: Path) -> None:
        self.folder = folder
        self._target = str(sockets / _SOCKET)
        self._lock = threading.Lock()
        self._wanted: list[tuple[bytes, bool]] = []
        self.cuts = {True: 0, False: 0}
        folder.mkdir(mode=0o700)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / _SOCKET))
        self._listener.listen(64)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone does not wake a thread that waits in accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        (self.folder / _SOCKET).unlink()
        self.folder.rmdir()

    def cut_next(self, statement: str, *, is_sent: bool) -> None:
        """Cut at the next commit of a transaction with this statement."""
        with self._lock:
            self._wanted.append((statement.encode(), is_sent))

    @property
    def is_idle(self) -> bool:
        """Whether every cut asked for has been made."""
        with self._lock:
            return not self._wanted

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self._target)
            seen = b""
            while True:
                for source in select.select([client, server], [], [])[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    if source is server:
                        client.sendall(data)
                        continue
                    seen = (seen + data)[-200_000:]
                    if b"COMMIT" in data and (cut := self._take(seen)) is not None:
                        if cut:
                            server.sendall(data)
                            server.recv(1)  # it has committed before it answers
                        self.cuts[cut] += 1
                        return
                    if b"COMMIT" in data or b"ROLLBACK" in data or b"BEGIN" in data:
                        seen = data
                    server.sendall(data)
        except OSError:
            pass
        finally:
            client.close()
            server.close()

    def _take(self, seen: bytes) -> bool | None:
        """Whether the commit is to be sent before the cut; None: it is not to be cut."""
        with self._lock:
            for wanted in self._wanted:
                if wanted[0] in seen:
                    self._wanted.remove(wanted)
                    return wanted[1]
        return None


def open_door(sockets: Path, folder: Path) -> CommitCutter:
    """A door in a folder of its own, which the workers' user may enter."""
    return CommitCutter(sockets, folder / f"door-{os.urandom(3).hex()}")
