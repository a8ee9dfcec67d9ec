"""A program on a leash ends with its parent and has only the rights it was given."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from forllm.embedded import leash
from tests.conftest import wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change user")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs prctl")

PARENT = """
import os, subprocess, sys
from forllm.embedded import leash
command = leash.wrap(["sleep", "60"], **{options})
child = subprocess.Popen(command, env=os.environ | leash.parent_variable())
print(child.pid, flush=True)
child.wait()
"""


def run(command, **environment):
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True
    )


def is_running(pid):
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


def is_gone(pid):
    """Whether the program ends in the time it has."""
    wait_until(lambda: not is_running(pid), seconds=5)
    return not is_running(pid)


def orphan(**options):
    """Start a leashed program, kill its parent, and return the program's id."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(options=options)], stdout=subprocess.PIPE
    )
    child = int(parent.stdout.readline())
    command = Path(f"/proc/{child}/cmdline")
    wait_until(lambda: b"sleep\x0060" in command.read_bytes())

    parent.kill()
    parent.wait()

    return child


@linux
def test_leash_ends_the_program_when_its_parent_is_killed():
    assert is_gone(orphan())


@linux
@needs_root
@pytest.mark.parametrize("options", [{"user": (1, 1)}, {"namespace": (1, 1)}])
def test_leash_holds_after_a_change_of_identity(options):
    assert is_gone(orphan(**options))


@linux
@pytest.mark.parametrize(
    "at_start", [signal.SIG_DFL, signal.SIG_IGN], ids=["heard", "ignored"]
)
def test_leash_sends_the_wanted_signal(tmp_path, at_start):
    """Also where interrupts were ignored, as a shell does for what it runs behind."""
    note = tmp_path / "note"
    trap = f"trap 'echo asked > {note}; exit' INT; echo ready"
    script = f"{trap}; while :; do sleep 0.05; done"
    code = PARENT.replace('["sleep", "60"]', repr(["sh", "-c", script]))
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            code.format(options={"death_signal": int(signal.SIGINT)}),
        ],
        stdout=subprocess.PIPE,
        preexec_fn=partial(signal.signal, signal.SIGINT, at_start),
    )
    child = int(parent.stdout.readline())
    assert parent.stdout.readline() == b"ready\n"

    parent.kill()
    parent.wait()

    assert is_gone(child)
    assert note.read_text() == "asked\n"


@linux
def test_leash_starts_nothing_when_the_parent_is_gone_already():
    done = run(leash.wrap(["echo", "started"]), **{leash.PARENT_VARIABLE: "1"})

    assert done.returncode == leash.CANNOT_START
    assert done.stdout == ""


def test_leash_keeps_secrets_from_a_bare_program():
    plain = {leash.PARENT_VARIABLE: str(os.getpid()), "SECRET_KEY": "abc"}

    assert "SECRET_KEY" in run(leash.wrap(["env"]), **plain).stdout
    assert "SECRET_KEY" not in run(leash.wrap(["env"], bare=True), **plain).stdout


def test_leash_says_in_one_line_what_cannot_be_started(tmp_path):
    done = run(leash.wrap([str(tmp_path / "gone")]), **leash.parent_variable())

    assert done.returncode == leash.CANNOT_START
    assert "gone cannot be started" in done.stderr
    assert done.stderr.count("\n") == 1


def test_leash_writes_down_what_it_becomes(tmp_path):
    note = tmp_path / "pid"

    run(leash.wrap(["echo", "a", "b"], pid_file=note), **leash.parent_variable())

    assert note.read_text().splitlines()[1] == "echo a b"


@needs_root
def test_leash_leaves_root():
    command = leash.wrap(["id", "-u"], user=(1, 1))

    assert run(command, **leash.parent_variable()).stdout == "1\n"


@linux
@needs_root
def test_leash_lends_a_name_without_roots_rights():
    show = "id -u; grep CapEff /proc/self/status; chown 2 /proc/self 2>&1 || true"
    command = leash.wrap(["sh", "-c", show], namespace=(1, 1))

    user, rights, *_ = run(command, **leash.parent_variable()).stdout.splitlines()

    assert user == "1"
    assert int(rights.split()[1], 16) == 0
