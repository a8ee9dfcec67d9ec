"""The embedded PostgreSQL: its data, its command line, its health."""

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

from forllm.embedded import leash, wheels
from forllm.embedded.errors import StartRefused
from forllm.embedded.logs import telling_line
from forllm.embedded.paths import give, make_closed, write_private
from forllm.embedded.privileges import Servers

USER = DATABASE = "forllm"
# Small, because everything shares one machine; change them in postgresql.conf.
_FIRST_SETTINGS = {
    "shared_buffers": "16MB",  # the system's own cache holds the rest
    "max_connections": "60",
    "min_wal_size": "32MB",
    "max_wal_size": "256MB",
    "io_method": "sync",  # the default, worker, keeps three more processes
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "",
}


def address(sockets: Path, password: str) -> str:
    """The DATABASE_URL of the embedded server."""
    return f"postgres://{USER}:{password}@{quote(str(sockets), safe='')}/{DATABASE}"


def check_version(data: Path) -> None:
    """Refuse to start on data that another major version wrote."""
    version = data / "PG_VERSION"
    if not version.exists():
        return
    theirs = version.read_text().strip()
    ours = wheels.check_program(wheels.postgres("postgres"), "PostgreSQL")
    major = ours.split()[-1].split(".")[0]
    if theirs == major:
        return
    raise StartRefused(
        f"The data in {data} was written by PostgreSQL {theirs}, and this FORLLM "
        f"brings PostgreSQL {major}. To upgrade:\n"
        f"  1. Start the FORLLM that brought PostgreSQL {theirs}, with the same data.\n"
        "  2. With its pg_dump: pg_dump -Fc -f forllm.dump DATABASE_URL (the address "
        "stands in embedded.env).\n"
        f"  3. Stop it, and move {data} to another place.\n"
        "  4. Start this FORLLM once. Then, while it runs: "
        "pg_restore --clean --if-exists -d DATABASE_URL forllm.dump"
    )


def initialise(
    data: Path, *, password: str, servers: Servers, durable: bool = True
) -> None:
    """Make the database files if there are none; an interrupted run begins again."""
    if (data / "PG_VERSION").exists():
        return
    draft = data.with_name(f"{data.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    password_file = data.with_name("password")
    try:
        write_private(password_file, password + "\n")
        make_closed(draft)
        if servers.user:
            give(draft, *servers.user)
            give(password_file, *servers.user)
        _initdb(draft, password_file, servers, durable)
        _run(
            [
                str(wheels.postgres("postgres")),
                "--single",
                "-D",
                str(draft),
                "postgres",
            ],
            servers,
            stdin=f"CREATE DATABASE {DATABASE}\n",
        )
    finally:
        password_file.unlink(missing_ok=True)
    if data.exists():
        data.rmdir()
    draft.rename(data)


def command(data: Path, sockets: Path, *, durable: bool = True) -> list[str]:
    """The server in the foreground; only on a socket, whatever postgresql.conf says."""
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": f'"{sockets}"',
        "unix_socket_permissions": "0700",
        "log_destination": "stderr",
        "logging_collector": "off",
        # An error is logged without the statement and the row, which hold what members
        # wrote for themselves alone.
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
    }
    if not durable:
        settings |= {"fsync": "off", "full_page_writes": "off"}
        settings |= {"synchronous_commit": "off", "max_connections": "100"}
    options = [f"--{name}={value}" for name, value in settings.items()]
    return [str(wheels.postgres("postgres")), "-D", str(data), *options]


def complaint(sockets: Path, password: str) -> str | None:
    """None if the server takes a query with our password, else its own words."""
    psql = str(wheels.postgres("psql"))
    query = [psql, "-X", "-w", "-A", "-t", "-q", "-c", "SELECT 1"]
    done = subprocess.run(
        [*query, "-h", str(sockets), "-U", USER, "-d", DATABASE],
        env={"LC_ALL": "C", "PGPASSWORD": password, "PGCONNECT_TIMEOUT": "5"},
        capture_output=True,
        text=True,
    )
    if done.returncode == 0:
        return None
    return telling_line(done.stderr) or "no answer"


def _initdb(draft: Path, password_file: Path, servers: Servers, durable: bool) -> None:
    options = [
        *("-D", str(draft), "-U", USER, f"--pwfile={password_file}"),
        *("--auth-local=scram-sha-256", "--auth-host=scram-sha-256"),
        *("--encoding=UTF8", "--no-locale"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
    ]
    for name, value in _FIRST_SETTINGS.items():
        options.append(f"--set={name}={value}")
    if not durable:
        options.append("--no-sync")
    _run([str(wheels.postgres("initdb")), *options], servers)


def _run(command: list[str], servers: Servers, stdin: str = "") -> None:
    done = subprocess.run(
        servers.wrap(command),
        input=stdin,
        # The leash keeps the secrets in it back.
        env=os.environ | {"LC_ALL": "C"} | leash.parent_variable(),
        cwd="/",
        capture_output=True,
        text=True,
    )
    if done.returncode:
        reason = telling_line(done.stderr) or f"exit code {done.returncode}"
        raise StartRefused(f"PostgreSQL's data cannot be made: {reason}")
