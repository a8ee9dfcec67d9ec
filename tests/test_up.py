"""`manage.py up` as a whole: one site, started, looked at, hurt and ended."""

import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from forllm.embedded import leash, postgres, valkey
from forllm.embedded.paths import PROJECT, place
from forllm.embedded.state import load_state
from tests.conftest import wait_until
from tests.services import blank_environment

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]
START_SECONDS = 120
NOBODY = (65534, 65534)


class Site:
    """A running `manage.py up` and what the tests ask about it."""

    def __init__(self, data):
        self.data = data
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.output = data.with_name(f"{data.name}.out")

    @property
    def environment(self):
        own = {"FORLLM_DATA": str(self.data), "PORT": str(self.port)}
        return blank_environment() | own | {"OPENAI_API_KEY": "must not be passed on"}

    def start(self):
        began = time.monotonic()
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                leash.wrap(
                    [sys.executable, "manage.py", "up"], death_signal=signal.SIGTERM
                ),
                cwd=PROJECT,
                env=self.environment | leash.parent_variable(),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while "Ctrl-C ends it" not in self.output.read_text():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() - began < START_SECONDS, self.output.read_text()
            time.sleep(0.1)
        return time.monotonic() - began

    def manage(self, *arguments):
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env=without_blanks(self.environment),
            capture_output=True,
            text=True,
        )

    def get(self, port, path, method="GET", body=None):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        headers = {"Content-Type": "application/json"} if body else {}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def pids(self):
        """The ids of this process and all below it, with their command lines."""
        children = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except FileNotFoundError:
                continue
            children.setdefault(int(fields[1]), []).append(int(folder.name))
        found, todo = {}, [self.process.pid]
        while todo:
            pid = todo.pop()
            todo += children.get(pid, [])
            try:
                command = Path(f"/proc/{pid}/cmdline").read_text()
            except FileNotFoundError:
                continue  # it has just ended
            found[pid] = command.replace("\0", " ")
        return found

    def pid_of(self, words):
        return next(pid for pid, command in self.pids().items() if words in command)

    @property
    def state(self):
        return load_state(self.data / "state.json")

    @property
    def sockets(self):
        return place(self.data, self.state.short_folder)[0].sockets


def without_blanks(environment):
    """Other commands find the embedded parts in embedded.env, if nothing hides it."""
    return {name: value for name, value in environment.items() if value}


def wait_until_gone(pids, seconds):
    """Wait until none of these processes lives; return those that still do."""
    end = time.monotonic() + seconds
    while left := [pid for pid in pids if is_running(pid)]:
        if time.monotonic() > end:
            return left
        time.sleep(0.05)
    return []


def is_running(pid):
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    found = Site(tmp_path_factory.mktemp("up") / "data")
    found.start()
    yield found
    pids = found.pids() if is_running(found.process.pid) else []
    found.process.terminate()
    found.process.wait(10)
    assert wait_until_gone(pids, 5) == []


def test_up_prints_the_address_and_a_sign_in_link(site):
    output = site.output.read_text()

    assert f"http://127.0.0.1:{site.port}" in output
    assert re.search(r"Sign in: http://127\.0\.0\.1:\d+/", output)
    assert "must not be passed on" not in output


def test_up_answers_pages(site):
    assert site.get(site.port, "/")[0] == 200
    assert site.get(site.port, "/healthz")[0] == 200


def test_up_refuses_a_second_instance(site):
    done = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=PROJECT,
        env=site.environment,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert "already running" in done.stderr
    assert done.stderr.count("\n") == 1


def test_other_commands_find_the_running_servers(site):
    done = site.manage("migrate", "--check")

    assert done.returncode == 0, done.stderr


def test_up_lets_only_the_owner_read_secrets(site):
    for name in ("embedded.env", "state.json"):
        assert stat.S_IMODE((site.data / name).stat().st_mode) == 0o600
    for name in ("run", "sockets", "postgres", "valkey", "log"):
        folder = site.data / name
        if folder.exists():
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_up_puts_no_secret_on_a_command_line(site):
    secrets = [value for value in vars(site.state).values() if len(str(value)) > 20]

    for command in site.pids().values():
        assert not any(str(secret) in command for secret in secrets)


def test_up_passes_no_provider_key_and_no_model_key_on(site):
    model_key = site.state.model_key

    for words in ("-m forllm.worker", "uvicorn", "supervisord"):
        environment = Path(f"/proc/{site.pid_of(words)}/environ").read_text()
        assert "OPENAI_API_KEY" not in environment
        assert model_key not in environment


def test_the_model_server_knows_no_secret_of_the_site(site):
    process = Path(f"/proc/{site.pid_of('forllm.embedded.model_server')}")
    names = {
        line.split("=")[0] for line in (process / "environ").read_text().split("\0")
    }

    assert not {"SECRET_KEY", "LLM_ENCRYPTION_KEYS", "DATABASE_URL"} & names
    assert "PATH" in names


def test_the_web_believes_no_forwarded_address(site):
    assert "--no-proxy-headers" in site.pids()[site.pid_of("uvicorn")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_servers_refuse_another_local_user(site):
    code = (
        "import socket, sys\n"
        "for path in sys.argv[1:]:\n"
        "    try: socket.socket(socket.AF_UNIX).connect(path)\n"
        "    except PermissionError: print('refused')\n"
    )
    paths = [valkey.socket_path(site.sockets), site.sockets / ".s.PGSQL.5432"]
    command = ["/usr/bin/env", "python3", "-c", code, *map(str, paths)]
    if subprocess.run(leash.wrap(["python3", "-V"], user=NOBODY)).returncode:
        pytest.skip("another user cannot run Python here")

    done = subprocess.run(
        leash.wrap(command, user=NOBODY), capture_output=True, text=True
    )

    assert done.stdout.split() == ["refused", "refused"], done.stderr


def test_servers_refuse_a_wrong_password(site):
    assert "authentication failed" in postgres.complaint(site.sockets, "wrong")
    assert "WRONGPASS" in valkey.complaint(site.sockets, "wrong")
    ask = json.dumps({"messages": [{"role": "user", "content": "hi"}]})
    status, _ = site.get(
        site.state.model_port, "/v1/chat/completions", method="POST", body=ask
    )
    assert status == 401


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up root")
def test_postgres_and_valkey_do_not_run_as_root(site):
    for words in ("pginstall/bin/postgres", "valkey-server"):
        status = Path(f"/proc/{site.pid_of(words)}/status").read_text()
        effective = int(re.search(r"CapEff:\s+(\w+)", status)[1], 16)
        assert effective == 0


@pytest.mark.requirement("F-51", "M-57", "F-60", "O-10")
def test_the_demo_model_answers_the_welcome_topic(site):
    """The real model; whatever it says, it says it as a persona, with a receipt."""
    topic = "/t/welcome-ask-a-persona-to-answer-1/"
    end = time.monotonic() + 120
    while 'class="post d1 persona"' not in (page := site.get(site.port, topic)[1]):
        assert time.monotonic() < end, page
        time.sleep(0.5)

    assert "Maestro v1 · Demo model · " in page
    assert re.search(r"Tokens</dt><dd>\d+ in, \d+ out", page)
    words = page.split('<div class="prose">')[2].split("</div>")[0]
    assert len(words) > len("<p></p>")


def test_up_stays_within_its_memory(site):
    """After a reply, when every process has loaded all it needs."""
    kilobytes = 0
    for pid in site.pids():
        status = Path(f"/proc/{pid}/status").read_text()
        kilobytes += int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    assert kilobytes < 900_000


def test_up_starts_a_killed_worker_again(site):
    words = "-m forllm.worker"
    killed = site.pid_of(words)

    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: _others(site, words, killed), seconds=10)

    assert len(_others(site, words, killed)) == 1


def _others(site, words: str, killed: int) -> list[int]:
    """The processes with these words in their command, but for the one that was killed."""
    return [pid for pid, it in site.pids().items() if words in it and pid != killed]


def test_up_ends_all_on_ctrl_c_and_finds_its_data_again(site):
    secrets = site.state
    pids = site.pids()

    site.process.send_signal(signal.SIGINT)

    assert wait_until_gone(pids, 5) == []
    assert site.process.wait(1) == 0
    assert site.start() < 20
    assert site.state == secrets
    assert site.get(site.port, "/")[0] == 200


@pytest.mark.parametrize("words", ["manage.py up", "supervisor.supervisord"])
def test_up_leaves_nothing_when_it_or_supervisord_is_killed(site, words):
    if not is_running(site.process.pid):
        site.start()
    pids = site.pids()

    os.kill(site.pid_of(words), signal.SIGKILL)

    assert wait_until_gone(pids, 6) == []
    site.process.wait(5)
