"""`manage.py up`: start everything FORLLM needs, watch it, end it.

The steps: look before touching anything (`prepare_ground`), start the servers, run
`manage.py prepare`, start the site, then show the logs until a signal comes.
"""

import argparse
import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from types import FrameType

from forllm.embedded import leash, services
from forllm.embedded.errors import StartRefused
from forllm.embedded.ground import Ground, prepare_ground
from forllm.embedded.logs import Printer, last_words, telling_line
from forllm.embedded.options import read_options
from forllm.embedded.paths import PROJECT
from forllm.embedded.supervision import Supervisor

_END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SIGN_IN = "sign-in: "
_START_SECONDS = 60
_POLL_SECONDS = 0.1
_FOLLOW_SECONDS = 0.3


class _Stopped(BaseException):
    """A signal asked us to end."""


def main(arguments: Sequence[str]) -> int:
    """Run until a signal; return the exit code, 1 after one clear line on stderr."""
    parser = argparse.ArgumentParser(
        prog="manage.py up",
        description="Start FORLLM with all it needs; Ctrl-C ends it. "
        ".env.example lists the settings.",
    )
    parser.parse_args(arguments)
    for number in _END_SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)  # but nohup stays in force
    os.umask(0o077)
    try:
        _run()
    except StartRefused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # nobody reads any more
        return 1
    except OSError as error:
        sys.stderr.write(f"{explained(error)}\n")
        return 1
    except _Stopped:
        return 0
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    _ignore_signals()
    raise _Stopped


def _ignore_signals() -> None:
    for number in _END_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def explained(error: OSError) -> str:
    """One line for a failure of the system underneath."""
    if error.errno == errno.ENOSPC:
        return f"The disk is full: {error.filename or 'a file'} could not be written."
    return f"FORLLM cannot start: {error}"


def _run() -> None:
    began = time.monotonic()
    ground = prepare_ground(read_options())
    if ground.note:
        _say(ground.note)
    with _supervised(ground) as supervisor:
        _start(supervisor, ground, ["postgres", "valkey", "model"])
        sign_in = _prepare(ground)
        _start(supervisor, ground, ["worker", "beat", "web"])
        _say(_welcome(ground, sign_in, time.monotonic() - began))
        _follow(supervisor, ground)


@contextlib.contextmanager
def _supervised(ground: Ground) -> Iterator[Supervisor]:
    """A supervisord that is gone, with all it started, at the end of the block."""
    found = services.programs(
        ground.options, ground.state, ground.paths, ground.servers
    )
    supervisor = Supervisor(
        ground.paths,
        found,
        ground.state.supervisor_password,
        services.site_environment(ground.options, ground.state, ground.paths),
    )
    try:
        supervisor.wait_until_up()
        yield supervisor
    except _Stopped:
        _say("Stopping ...")
        raise
    finally:
        _ignore_signals()
        supervisor.stop(services.SERVERS)


def _start(supervisor: Supervisor, ground: Ground, names: list[str]) -> None:
    """Start these services together and wait until each works."""
    began = time.monotonic()
    wanted = [name for name in names if name in supervisor.names]
    checks = services.checks(ground.options, ground.state, ground.paths)
    for name in wanted:
        supervisor.start(name)
    for name in wanted:
        _wait_for(supervisor, ground, name, checks.get(name))
        _say(f"{name} works ({time.monotonic() - began:.1f} s)")


def _wait_for(
    supervisor: Supervisor, ground: Ground, name: str, check: services.Check | None
) -> None:
    end = time.monotonic() + _START_SECONDS
    starts: set[int] = set()
    log = ground.paths.log(name)
    while True:
        info = supervisor.info(name)
        starts.add(info["start"])
        failed = info["statename"] == "BACKOFF" and len(starts) > 1
        if failed or info["statename"] in ("FATAL", "EXITED"):
            words = last_words(log) or info["spawnerr"] or "it ended at once"
            raise StartRefused(f"{name} did not start: {words} (see {log})")
        complaint = check() if check else None
        # supervisord calls it running after a second; an answer says so earlier.
        works = ("RUNNING", "STARTING") if check else ("RUNNING",)
        if complaint is None and info["statename"] in works:
            return
        if time.monotonic() > end:
            reason = complaint or "it does not stay up"
            raise StartRefused(
                f"{name} did not start in {_START_SECONDS} s: {reason} (see {log})"
            )
        time.sleep(_POLL_SECONDS)


def _prepare(ground: Ground) -> str:
    """Run `manage.py prepare`; return the sign-in link that it prints, if any."""
    environment = services.site_environment(ground.options, ground.state, ground.paths)
    environment |= services.demo_model_environment(ground.options, ground.state)
    done = subprocess.run(
        leash.wrap([sys.executable, str(PROJECT / "manage.py"), "prepare"]),
        cwd=PROJECT,
        env=environment | leash.parent_variable(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    if done.returncode:
        log = ground.paths.log("prepare")
        log.write_text(done.stdout + done.stderr)
        reason = telling_line(done.stderr) or f"exit code {done.returncode}"
        raise StartRefused(f"{reason} (see {log})")
    sign_in = ""
    for line in done.stdout.splitlines():
        if line.startswith(_SIGN_IN):
            sign_in = line.removeprefix(_SIGN_IN).strip()
        elif line.strip():
            _say(f"prepare: {line}")
    return sign_in


def _welcome(ground: Ground, sign_in: str, seconds: float) -> str:
    lines = [
        f"FORLLM is ready after {seconds:.1f} s. Ctrl-C ends it.",
        f"  Open:    {services.site_url(ground.options)}",
    ]
    if sign_in:
        lines.append(f"  Sign in: {sign_in}")
    rule = "-" * max(map(len, lines))
    return "\n".join(["", rule, *lines, rule, ""])


def _follow(supervisor: Supervisor, ground: Ground) -> None:
    """Print the logs until a signal comes or supervisord is gone."""
    names = [*supervisor.names, "supervisord"]
    logs = {name: ground.paths.log(name) for name in names}
    printer = Printer(logs, sys.stdout)
    while supervisor.is_alive:
        printer.pump()
        time.sleep(_FOLLOW_SECONDS)
    printer.pump()
    raise StartRefused("supervisord has ended, and with it everything else.")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
