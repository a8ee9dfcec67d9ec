"""Start a program that ends when its parent does, without root's rights if asked.

Run as a script, by a bare `python -I -S`, it becomes the program (exec), so no process
of its own stays. Everything happens in one order: the environment and the identity
first, the tie to the parent last, because a change of identity cuts that tie.
It imports nothing of ours: as a script it has no package around it.
"""

import argparse
import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

PARENT_VARIABLE = "FORLLM_LEASH_PARENT"
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", PARENT_VARIABLE)
CANNOT_START = 126
_PR_SET_PDEATHSIG = 1


def wrap(
    command: Sequence[str],
    *,
    death_signal: signal.Signals = signal.SIGKILL,
    user: tuple[int, int] | None = None,
    namespace: tuple[int, int] | None = None,
    bare: bool = False,
    pid_file: Path | None = None,
) -> list[str]:
    """The command line that runs `command` on a leash.

    `user`: user and group id to change to, for which it must be root. `namespace`: the
    ids it sees itself as, in a user namespace of its own, while for the rest of the
    system it stays who it is. `bare`: give it an environment without any secrets.
    `pid_file`: where to write its process id and command, before any change of user.
    """
    options = [f"--death-signal={int(death_signal)}"]
    if user:
        options.append(f"--user={user[0]}:{user[1]}")
    if namespace:
        options.append(f"--namespace={namespace[0]}:{namespace[1]}")
    if bare:
        options.append("--bare")
    if pid_file:
        options.append(f"--pid-file={pid_file}")
    return [sys.executable, "-I", "-S", __file__, *options, "--", *command]


def parent_variable() -> dict[str, str]:
    """The environment that tells a leashed child who its parent is."""
    return {PARENT_VARIABLE: str(os.getpid())}


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--death-signal", type=int, required=True)
    parser.add_argument("--user", type=_ids)
    parser.add_argument("--namespace", type=_ids)
    parser.add_argument("--bare", action="store_true")
    parser.add_argument("--pid-file", type=Path)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    parent = int(os.environ.get(PARENT_VARIABLE) or os.getppid())
    try:
        if options.pid_file:
            line = " ".join(options.command)
            options.pid_file.write_text(f"{os.getpid()}\n{line}\n")
        if options.bare:
            kept = {k: v for k, v in os.environ.items() if k in KEPT_VARIABLES}
            os.environ.clear()
            os.environ.update(kept)
        if options.user:
            _change_user(*options.user)
        if options.namespace:
            _enter_namespace(*options.namespace)
        _die_with(parent, options.death_signal)
        os.environ[PARENT_VARIABLE] = str(os.getpid())
        os.execvp(options.command[0], options.command)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"{options.command[0]} cannot be started: {error}\n")
        sys.exit(CANNOT_START)


def _ids(text: str) -> tuple[int, int]:
    user, group = text.split(":")
    return int(user), int(group)


def _change_user(user: int, group: int) -> None:
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)


def _enter_namespace(user: int, group: int) -> None:
    outer_user, outer_group = os.geteuid(), os.getegid()
    os.unshare(os.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {outer_user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {outer_group} 1")


def _die_with(parent: int, death_signal: int) -> None:
    if death_signal != signal.SIGKILL:
        # A shell that starts us in the background has interrupts ignored, and so would
        # the program, which a trap of its own cannot change.
        signal.signal(death_signal, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:  # it died before the tie was made
        sys.exit(CANNOT_START)


if __name__ == "__main__":
    _main()
