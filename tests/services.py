"""Throw-away PostgreSQL and Valkey for the tests, and what needs Chromium.

A pytest plugin (`-p tests.services`), and a runner for other commands that need the
settings: `python -m tests.services -- COMMAND`. Neither reads the developer's `.env` or
`var/`. TEST_DATABASE_URL and TEST_REDIS_URL name servers to use instead.
"""

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from forllm.embedded import leash, postgres, valkey
from forllm.embedded.paths import PROJECT, give, make_closed
from forllm.embedded.privileges import find_servers
from forllm.embedded.state import State

_START_SECONDS = 30


class TestServers:
    """The servers of this test run. Tests may pause, empty or restart Valkey."""

    __test__ = False  # pytest: not a test class

    def __init__(self) -> None:
        self._state = State()
        self._folder = Path(tempfile.mkdtemp(prefix="forllm-test-"))
        self._folder.chmod(0o711)
        self._sockets = self._folder / "sockets"
        self._postgres: subprocess.Popen[bytes] | None = None
        self._valkey: subprocess.Popen[bytes] | None = None
        self._database_url = os.environ.get("TEST_DATABASE_URL", "")
        self._redis_url = os.environ.get("TEST_REDIS_URL", "")

    def start(self) -> None:
        """Start what no TEST_ variable names, and set the environment for Django."""
        self._servers = find_servers(self._folder)
        folders = [self._sockets, self._folder / "valkey", self._folder / "postgres"]
        for folder in folders:
            make_closed(folder)
            if self._servers.user:
                give(folder, *self._servers.user)
        if not self._database_url:
            self._start_postgres()
        if not self._redis_url:
            self.start_valkey()
        os.environ.update(self._environment())

    def stop(self) -> None:
        """End the servers and remove their files."""
        self._end(self._postgres, signal.SIGINT)
        self.stop_valkey()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start_valkey(self) -> None:
        """Start Valkey, empty; it must not run."""
        if self._redis_url:
            pytest.skip("TEST_REDIS_URL names a server that is not ours to restart")
        password = self._state.valkey_password
        configuration = valkey.write_configuration(
            self._folder / "valkey", self._sockets, password, durable=False
        )
        if self._servers.user:
            os.chown(configuration, *self._servers.user)
        command = valkey.command(self._folder / "valkey")
        self._valkey = self._launch("valkey", command, signal.SIGKILL)
        self._wait("valkey", lambda: valkey.complaint(self._sockets, password))

    def stop_valkey(self) -> None:
        """End Valkey; all it held is lost."""
        self._end(self._valkey, signal.SIGKILL)
        self._valkey = None

    def restart_valkey(self) -> None:
        """End Valkey and start it again, empty."""
        self.stop_valkey()
        self.start_valkey()

    def log_of(self, name: str) -> str:
        """What "postgres" or "valkey" has logged so far, if it is ours."""
        log = self._folder / f"{name}.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def launch(
        self,
        command: Sequence[str],
        *,
        database: str,
        environment: dict[str, str] | None = None,
        log: Path | None = None,
    ) -> "subprocess.Popen[bytes]":
        """Start a program of ours, such as a worker, which ends with this process.

        `database`: the name of the database it uses, such as the tests' own, which
        Django keeps in `connection.settings_dict["NAME"]`. `log`: where it writes to.
        """
        own = {"PYTHONUNBUFFERED": "1"} | (environment or {})
        with (log or Path(os.devnull)).open("ab") as output:
            return subprocess.Popen(
                leash.wrap(command),
                cwd=PROJECT,
                env=self.environment_of(database) | own | leash.parent_variable(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @staticmethod
    def environment_of(database: str) -> dict[str, str]:
        """The environment of a program that uses the database with this name."""
        address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}")
        return os.environ | {"DATABASE_URL": address.geturl()}

    def _start_postgres(self) -> None:
        data, password = self._folder / "postgres", self._state.postgres_password
        postgres.initialise(
            data, password=password, servers=self._servers, durable=False
        )
        command = postgres.command(data, self._sockets, durable=False)
        self._postgres = self._launch("postgres", command, signal.SIGINT)
        self._wait("postgres", lambda: postgres.complaint(self._sockets, password))

    def _launch(
        self, name: str, command: list[str], death_signal: signal.Signals
    ) -> "subprocess.Popen[bytes]":
        with (self._folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                leash.wrap(
                    command,
                    death_signal=death_signal,
                    user=self._servers.user,
                    namespace=self._servers.namespace,
                    bare=True,
                ),
                cwd="/",
                env=os.environ | leash.parent_variable(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait(self, name: str, complaint: Callable[[], str | None]) -> None:
        end = time.monotonic() + _START_SECONDS
        while reason := complaint():
            if time.monotonic() > end:
                log = (self._folder / f"{name}.log").read_text(errors="replace")
                raise RuntimeError(f"{name} did not start: {reason}\n{log[-2000:]}")
            time.sleep(0.02)

    def _environment(self) -> dict[str, str]:
        found = dict.fromkeys(_known_variables(), "")
        return found | {
            "DJANGO_SETTINGS_MODULE": "forllm.settings",
            # Tests are hasty; those of the limits set their own.
            "RATE_LIMITS": "false",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "LLM_ENCRYPTION_KEYS": self._state.encryption_key,
            "FORLLM_DATA": str(self._folder / "data"),
            "DATABASE_URL": self._database_url
            or postgres.address(self._sockets, self._state.postgres_password),
            "REDIS_URL": self._redis_url
            or valkey.address(self._sockets, self._state.valkey_password),
        }

    @staticmethod
    def _end(process: "subprocess.Popen[bytes] | None", number: signal.Signals) -> None:
        if process:
            process.send_signal(number)
            process.wait(10)


def blank_environment() -> dict[str, str]:
    """The environment with no setting of FORLLM in it, not even from `.env`."""
    ours = ("SECRET_KEY", "LLM_ENCRYPTION_KEYS", "FORLLM_DATA", "DATABASE_URL")
    names = {*_known_variables(), *ours, "REDIS_URL"}
    return os.environ | dict.fromkeys(names, "")


def _known_variables() -> set[str]:
    """Every variable of the settings: the tests begin with none of them set."""
    names: set[str] = set()
    for file in (PROJECT / ".env.example", PROJECT / ".env"):
        if file.exists():
            names.update(re.findall(r"(?m)^#? ?([A-Z][A-Z0-9_]*)=", file.read_text()))
    return names


def find_chromium() -> str | None:
    """The browser of the browser tests, if there is one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


class _Plugin:
    """Starts the servers before pytest-django reads the settings.

    Each process of pytest-xdist has its own; the one that hands out the tests has some as
    well, unused, as it reads the settings too.
    """

    servers: TestServers | None = None
    not_run: list[str]

    def __init__(self) -> None:
        self.not_run = []


_plugin = _Plugin()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config,
) -> Generator[None, None, None]:
    asked = early_config.known_args_namespace
    if not (asked.help or asked.version):
        _plugin.servers = TestServers()
        early_config.add_cleanup(_plugin.servers.stop)
        _plugin.servers.start()
    return (yield)


@pytest.fixture(scope="session")
def servers() -> TestServers:
    """The throw-away PostgreSQL and Valkey."""
    assert _plugin.servers is not None
    return _plugin.servers


_NO_CHROMIUM = "Chromium is missing"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") and not find_chromium():
        if os.environ.get("CI"):
            pytest.fail(f"{_NO_CHROMIUM}; .ci/run installs it.", pytrace=False)
        pytest.skip(_NO_CHROMIUM)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what did not run, from the reports: they come from all processes."""
    if report.when == "setup" and _NO_CHROMIUM in str(report.longrepr):
        _plugin.not_run.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    if _plugin.not_run and not hasattr(config, "workerinput"):
        count, names = len(_plugin.not_run), ", ".join(_plugin.not_run)
        sys.stdout.write(f"NOT RUN, as there is no Chromium: {count} tests: {names}\n")
        sys.stdout.flush()


def main(command: Sequence[str]) -> int:
    """Run a command with the servers and the environment; return its exit code."""
    found = TestServers()
    try:
        found.start()
        return subprocess.run(command).returncode
    except KeyboardInterrupt:
        return 130
    finally:
        found.stop()


if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(main(arguments[1:] if arguments[:1] == ["--"] else arguments))
