"""Started as root: who runs what, found out by trying rather than by guessing."""

import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from forllm.embedded import leash, wheels
from forllm.embedded.errors import StartRefused
from forllm.embedded.paths import PROJECT

_CANDIDATES = ("forllm", "daemon", "nobody")
_TRY_PYTHON = "import os, sys, forllm.embedded.up, environ; os.stat(sys.argv[1])"


@dataclass(frozen=True)
class Servers:
    """How PostgreSQL and Valkey are started; without a user or namespace, as we are."""

    user: tuple[int, int] | None = None
    namespace: tuple[int, int] | None = None

    def wrap(self, command: list[str]) -> list[str]:
        return leash.wrap(command, user=self.user, namespace=self.namespace, bare=True)


@dataclass(frozen=True)
class Plan:
    """`become`: the user for everything, `up` too. `note`: one line that says so."""

    servers: Servers
    become: pwd.struct_passwd | None = None
    note: str = ""


def plan(data: Path, wanted_user: str, *, has_servers: bool = True) -> Plan:
    """Decide who runs what. Refuses to start if PostgreSQL could only run as root.

    `has_servers`: whether PostgreSQL or Valkey are among what is started.
    """
    if os.geteuid() != 0:
        return Plan(find_servers(data) if has_servers else Servers())
    account = _choose(wanted_user, data)
    if account and _can_run_python((account.pw_uid, account.pw_gid), data):
        note = f"Started as root: everything runs as the user {account.pw_name}."
        return Plan(Servers(), account, note)
    if not has_servers:
        note = "Started as root: all runs as root, as no other user can reach Python."
        return Plan(Servers(), note=note)
    servers = find_servers(data, account)
    if servers.user and account:
        note = (
            f"Started as root: PostgreSQL and Valkey run as {account.pw_name}; the "
            "rest runs as root, because that user cannot reach this Python "
            f"({sys.base_prefix})."
        )
    else:
        note = (
            "Started as root: no unprivileged user can reach the data and programs, so "
            "PostgreSQL and Valkey run in a user namespace without root's rights."
        )
    return Plan(servers, note=note)


def find_servers(data: Path, account: pwd.struct_passwd | None = None) -> Servers:
    """How PostgreSQL and Valkey can run with their files in `data`.

    Root needs another user for them, `account` or the first that exists, or a user
    namespace. Anybody else needs a namespace only if their own user has no name.
    """
    account = account or _first_of(_CANDIDATES)
    ids = (account.pw_uid, account.pw_gid) if account else (1000, 1000)
    if os.geteuid() != 0:
        borrowed = Servers(namespace=ids)
        needs_name = account is not None and not _has_name(os.geteuid())
        return borrowed if needs_name and _can_run(borrowed, data) else Servers()
    for servers in (Servers(user=ids), Servers(namespace=ids)):
        if _can_run(servers, data):
            return servers
    raise StartRefused(
        "PostgreSQL does not run as root, no unprivileged user can reach "
        f"{PROJECT} and {data}, and this system allows no user namespace: "
        "start as a normal user, or set FORLLM_USER to one who can."
    )


def become(account: pwd.struct_passwd) -> None:
    """Give up root for good: this process and all that it starts are that user."""
    os.setgroups([account.pw_gid])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    names = {"USER": account.pw_name, "LOGNAME": account.pw_name}
    os.environ.update(names, HOME=account.pw_dir)


def _has_name(user: int) -> bool:
    """Whether the system knows this user's name, which PostgreSQL asks for."""
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _choose(wanted: str, data: Path) -> pwd.struct_passwd | None:
    """The wanted user, else the owner of the data, else the first that exists."""
    if wanted:
        account = _first_of((wanted,))
        if account is None:
            raise StartRefused(f"FORLLM_USER: no unprivileged user {wanted!r} exists.")
        return account
    try:
        owner = pwd.getpwuid(data.stat().st_uid)
    except KeyError:
        return _first_of(_CANDIDATES)
    return owner if owner.pw_uid else _first_of(_CANDIDATES)


def _first_of(names: Sequence[str]) -> pwd.struct_passwd | None:
    for name in names:
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        if account.pw_uid:
            return account
    return None


def _can_run_python(user: tuple[int, int], data: Path) -> bool:
    command = [sys.executable, "-c", _TRY_PYTHON, str(data)]
    return _succeeds(leash.wrap(command, user=user), directory=PROJECT)


def _can_run(servers: Servers, data: Path) -> bool:
    programs = [wheels.postgres("postgres"), wheels.postgres("initdb"), wheels.valkey()]
    reach = servers.wrap(["test", "-x", str(data)])
    tries = [servers.wrap([str(program), "--version"]) for program in programs]
    return all(_succeeds(command) for command in (reach, *tries))


def _succeeds(command: list[str], directory: Path = Path("/")) -> bool:
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop(leash.PARENT_VARIABLE, None)
    try:
        done = subprocess.run(
            command, cwd=directory, env=environment, capture_output=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
