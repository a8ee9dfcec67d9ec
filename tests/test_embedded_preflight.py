"""What stops `manage.py up` says so in one line and leaves nothing behind."""

import collections
import errno
import os
import shutil
import socket
import subprocess
import sys

import pytest

from forllm.embedded import paths, postgres, wheels
from forllm.embedded.errors import StartRefused
from forllm.embedded.lock import take_lock
from forllm.embedded.up import explained
from tests.services import blank_environment


def up(data, **environment):
    """Run `manage.py up`, which is expected to refuse."""
    return subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=paths.PROJECT,
        env=blank_environment() | {"FORLLM_DATA": str(data)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def assert_refuses(done, words):
    assert done.returncode == 1, done.stderr
    assert words in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "http", "PORT has to be a number"),
        ("PORT", "70000", "PORT has to be a number"),
        ("DEMO_MODEL", "perhaps", "DEMO_MODEL has to be true or false"),
        ("WORKER_THREADS", "0", "WORKER_THREADS has to be a number"),
    ],
)
def test_up_names_the_variable_it_cannot_read(tmp_path, name, value, words):
    assert_refuses(up(tmp_path / "data", **{name: value}), words)


def test_up_refuses_a_port_in_use(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        done = up(tmp_path / "data", PORT=str(port))

    assert_refuses(done, f"Port {port} is used by another program")


def test_up_refuses_a_folder_in_use(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    with take_lock(data / "lock", "http://127.0.0.1:9"):
        done = up(data)

    assert_refuses(done, f"already running with the data in {data} (process ")


def test_up_refuses_a_folder_of_somebody_else(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")

    assert_refuses(up(tmp_path), "was not made by FORLLM")


def test_up_refuses_an_unknown_user(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can change user")

    done = up(tmp_path / "data", FORLLM_USER="no-such-user", PORT=free_port())

    assert_refuses(done, "no unprivileged user 'no-such-user' exists")


def test_up_refuses_the_data_of_another_postgres(tmp_path):
    data = tmp_path / "data"
    (data / "postgres").mkdir(parents=True)
    (data / "lock").touch()
    (data / "postgres" / "PG_VERSION").write_text("15\n")

    done = up(data, PORT=free_port())

    assert done.returncode == 1
    assert "written by PostgreSQL 15" in done.stderr
    assert "pg_dump" in done.stderr
    assert "pg_restore" in done.stderr
    assert "Traceback" not in done.stderr


def test_up_refuses_an_almost_full_disk(tmp_path, monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(2**40, 2**40, 2**20))

    with pytest.raises(StartRefused, match="1 MB are free"):
        paths.require_free_space(tmp_path)


def test_up_explains_a_disk_that_fills_up_meanwhile():
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "var/state.json")

    assert "disk is full: var/state.json" in explained(error)


def test_check_program_names_what_is_broken(tmp_path):
    program = tmp_path / "postgres"

    with pytest.raises(StartRefused, match="is missing"):
        wheels.check_program(program, "PostgreSQL")
    program.write_text("#!/bin/sh\necho no library >&2; exit 127\n")
    with pytest.raises(StartRefused, match="cannot be run"):
        wheels.check_program(program, "PostgreSQL")
    program.chmod(0o755)
    with pytest.raises(StartRefused, match="no library"):
        wheels.check_program(program, "PostgreSQL")
    program.write_bytes(b"\x7fELF not really")
    with pytest.raises(StartRefused, match="PostgreSQL is broken"):
        wheels.check_program(program, "PostgreSQL")


def test_check_version_takes_its_own_data_and_none(tmp_path):
    postgres.check_version(tmp_path)
    version = wheels.check_program(wheels.postgres("postgres"), "PostgreSQL")
    (tmp_path / "PG_VERSION").write_text(version.split()[-1].split(".")[0] + "\n")

    postgres.check_version(tmp_path)


def test_other_commands_name_the_setting_that_is_missing(tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=paths.PROJECT,
        env=blank_environment() | {"FORLLM_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert_refuses(done, "SECRET_KEY is not set")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
