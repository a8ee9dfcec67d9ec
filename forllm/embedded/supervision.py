"""supervisord: it starts the services, starts them again, rotates their logs."""

import http.client
import os
import shlex
import signal
import subprocess
import sys
import time
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from supervisor.xmlrpc import SupervisorTransport

from forllm.embedded import leash
from forllm.embedded.errors import StartRefused
from forllm.embedded.paths import PROJECT, Paths, write_private

LOG_BYTES = 5 * 1024 * 1024
LOG_BACKUPS = 3
_SILENCE = (OSError, http.client.HTTPException, xmlrpc.client.Error)


@dataclass(frozen=True)
class Program:
    """One service, its command already on a leash."""

    name: str
    command: list[str]
    stop_signal: str = "TERM"
    stop_seconds: int = 2


def write_configuration(paths: Paths, programs: list[Program], password: str) -> Path:
    """Write the configuration, which holds the password of supervisord's socket."""
    own = f"""[supervisord]
nodaemon=true
silent=true
nocleanup=true
umask=077
minfds=256
minprocs=32
identifier=forllm
directory={_value(paths.data)}
childlogdir={_value(paths.logs)}
logfile={_value(paths.log("supervisord"))}
logfile_maxbytes={LOG_BYTES}
logfile_backups=1
pidfile={_value(paths.run / "supervisord.own")}
[unix_http_server]
file={_value(_socket(paths))}
chmod=0700
username=forllm
password={password}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    configuration = paths.run / "supervisord.conf"
    sections = [own, *(_section(program, paths) for program in programs)]
    write_private(configuration, "\n".join(sections))
    return configuration


def _section(program: Program, paths: Paths) -> str:
    return f"""[program:{program.name}]
command={_value(shlex.join(program.command))}
directory={_value(PROJECT)}
autostart=false
autorestart=true
startsecs=1
startretries=1000000
stopsignal={program.stop_signal}
stopwaitsecs={program.stop_seconds}
redirect_stderr=true
stdout_logfile={_value(paths.log(program.name))}
stdout_logfile_maxbytes={LOG_BYTES}
stdout_logfile_backups={LOG_BACKUPS}
"""


def _value(value: str | Path) -> str:
    """A value with the signs masked that supervisord expands; refuses comment signs."""
    text = str(value)
    if any(sign in text for sign in ("\n", " ;", " #")):
        raise StartRefused(f"A folder's name must not hold ' ;' or ' #': {text}")
    return text.replace("%", "%%")


def _socket(paths: Paths) -> Path:
    return paths.run / "supervisor.sock"


class Supervisor:
    """A running supervisord, our child, and what it can be asked to do."""

    def __init__(
        self, paths: Paths, programs: list[Program], password: str, env: dict[str, str]
    ) -> None:
        self.names = [program.name for program in programs]
        configuration = write_configuration(paths, programs, password)
        command = [sys.executable, "-m", "supervisor.supervisord", "-n"]
        self._process = subprocess.Popen(
            leash.wrap(
                [*command, "-c", str(configuration)],
                # Killed with `up`, not asked: it would end the services one after another,
                # while their own leashes end them all at once.
                death_signal=signal.SIGKILL,
                pid_file=paths.pid_file("supervisord"),
            ),
            cwd=PROJECT,
            env=env | leash.parent_variable(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for `up` alone
        )
        self._transport = SupervisorTransport(
            "forllm", password, f"unix://{_socket(paths)}"
        )
        # The address is a form: the transport goes to the socket.
        self._proxy = xmlrpc.client.ServerProxy(
            "http://127.0.0.1", transport=self._transport
        )

    def wait_until_up(self, seconds: float = 20) -> None:
        """Wait for the first answer; refuses to start if none comes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._process.poll() is not None:
                reason = self._process.communicate()[1].decode(errors="replace")
                raise StartRefused(f"supervisord did not start: {_first_line(reason)}")
            try:
                self._ask("getState")
            except _SILENCE:
                time.sleep(0.05)
            else:
                return
        raise StartRefused("supervisord did not answer; see log/supervisord.log.")

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self, name: str) -> None:
        """Start a service and return at once."""
        self._ask("startProcess", name, False)

    def info(self, name: str) -> dict[str, Any]:
        """supervisord's view: `statename`, `pid`, `start` and more."""
        return cast(dict[str, Any], self._ask("getProcessInfo", name))

    def stop(self, servers: list[str], seconds: float = 4.5) -> None:
        """End everything: the site at once, then `servers`, then supervisord itself.

        What is left after `seconds` is killed; the leashes take care of the rest.
        """
        end = time.monotonic() + seconds
        try:
            self._stop_services(servers, end)
            self._ask("shutdown")
        except _SILENCE:
            self._signal(signal.SIGTERM)
        try:
            self._process.wait(max(0.1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def _ask(self, method: str, *arguments: str | bool) -> Any:
        try:
            return getattr(self._proxy, f"supervisor.{method}")(*arguments)
        except BaseException:  # a signal too: a half-used connection is of no use
            self._transport.close()
            raise

    def _stop_services(self, servers: list[str], end: float) -> None:
        site = [name for name in self.names if name not in servers]
        for names, pause in ((site, 1.5), (servers, 0.0)):
            for name in names:
                if self.info(name)["statename"] in ("STARTING", "RUNNING", "BACKOFF"):
                    self._ask("stopProcess", name, False)
            while time.monotonic() < end - pause and self._are_stopping(names):
                time.sleep(0.05)

    def _are_stopping(self, names: list[str]) -> bool:
        # Each question also wakes supervisord, which else looks once a second.
        return any(self.info(name)["statename"] == "STOPPING" for name in names)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            os.kill(self._process.pid, number)


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0] if lines else "it gave no reason"
