"""How much memory all processes of `manage.py up` hold together, also after many replies.

    python -m benchmarks.memory [ROUNDS] [PORT]

Starts `up` in a folder of its own, signs in through the printed link, and for each round
opens a topic, asks a persona and reads the pages until the demo model has answered.
Prints MB (10^6 bytes) of RSS and PSS for each process: RSS counts what processes share
as often as it is shared, PSS once.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

_REPORT_AFTER = (0, 1, 10, 20)
_REPLY_SECONDS = 120


def main(rounds: int = 30, port: int = 8398) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        output = Path(folder, "output")
        with output.open("w") as file:
            up = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                env=os.environ | {"FORLLM_DATA": f"{folder}/data", "PORT": str(port)},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            client = _signed_in(f"http://127.0.0.1:{port}", output, up)
            for number in range(rounds + 1):
                if number in _REPORT_AFTER or number == rounds:
                    _report(up.pid, number)
                if number < rounds:
                    _converse(client, number)
        finally:
            up.send_signal(signal.SIGINT)
            up.wait()


def _signed_in(
    address: str, output: Path, up: "subprocess.Popen[bytes]"
) -> httpx.Client:
    while "Ctrl-C ends it" not in (text := output.read_text()):
        assert up.poll() is None, text
        time.sleep(0.2)
    link = re.findall(r"Sign in: (\S+)", text)[-1]
    client = httpx.Client(base_url=address, timeout=60, follow_redirects=True)
    _send(client, link.removeprefix(address))
    return client


def _converse(client: httpx.Client, number: int) -> None:
    """Open a topic, ask, and read along until the answer stands in it."""
    words = {"title": f"Talk {number}", "body": f"Tell me about the number {number}."}
    topic = _send(client, "/s/lounge/new/", **words)
    asked = re.findall(r'"(/posts/\d+/ask/)"', topic.text)[0]
    _send(client, asked, persona="")
    until = time.monotonic() + _REPLY_SECONDS
    while 'class="receipt"' not in (page := client.get(topic.url)).text:
        assert time.monotonic() < until, page.text
        client.get("/")
        time.sleep(1)


def _send(client: httpx.Client, path: str, **values: str) -> httpx.Response:
    """Fill in the form at `path` and send it."""
    page = client.get(path)
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    hidden |= dict(re.findall(r'name="(token|key)" value="([^"]*)"', page.text))
    answer = client.post(path, data=hidden | values)
    assert answer.status_code == 200, (path, answer.status_code, answer.text)
    return answer


def _report(root: int, replies: int) -> None:
    rows = [(_name(pid), *_memory(pid)) for pid in _family(root)]
    print(f"\nafter {replies} replies{'RSS':>22}{'PSS':>9}  (MB)")
    for name, rss, pss in [*sorted(rows), ("sum", *_sums(rows))]:
        print(f"  {name:<28}{rss / 1e6:9.1f}{pss / 1e6:9.1f}", flush=True)


def _sums(rows: list[tuple[str, int, int]]) -> tuple[int, int]:
    return sum(row[1] for row in rows), sum(row[2] for row in rows)


def _family(root: int) -> list[int]:
    """The ids of this process and of all below it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except FileNotFoundError:
            continue
        children.setdefault(int(fields[1]), []).append(int(folder.name))
    found: list[int] = []
    todo = [root]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def _name(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    for part in ("supervisord", "model_server", "valkey", "beat", "worker", "uvicorn"):
        if part in words:
            return part
    return "postgres" if "postgres" in words else words.split("/")[-1][:28].strip()


def _memory(pid: int) -> tuple[int, int]:
    """RSS and PSS of a process in bytes."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    rss, pss = (re.search(rf"(?m)^{name}: +(\d+) kB", text) for name in ("Rss", "Pss"))
    assert rss is not None
    assert pss is not None
    return int(rss[1]) * 1024, int(pss[1]) * 1024


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
