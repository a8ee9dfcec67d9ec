"""One connection of the fake provider: the answer, or the failure, it was told to give."""

import json
import select
import socket
import struct
import sys
import time
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast

from tests.fake_llm.events import (
    anthropic_events,
    anthropic_plain,
    openai_events,
    openai_plain,
)
from tests.fake_llm.replies import NO_MODEL, Reply
from tests.fake_llm.seen import Seen

if TYPE_CHECKING:
    from tests.fake_llm.server import FakeLLM


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    fake: "FakeLLM"

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _ClientClosed(Exception):
    """The other side ended the connection."""


class _HangUp(Exception):
    """This side ends the connection, as it was told to."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def fake(self) -> "FakeLLM":
        return cast(Server, self.server).fake

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._serve(None)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self._serve(json.loads(raw))
        except ValueError:
            self._serve(raw.decode("utf-8", "replace"))

    def _serve(self, body: Any) -> None:
        if self.path == "/_answers":
            self.fake.queue(Reply(**body))
            self._json(200, {})
        elif self.path == "/_requests":
            self._json(200, [asdict(seen) for seen in self.fake.requests])
        else:
            self._serve_provider(body)

    def _serve_provider(self, body: Any) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(time.time(), self.command, self.path, headers, body)
        self.fake.note(seen)
        ended = "answered"
        try:
            self._answer(seen)
        except (_ClientClosed, OSError):
            ended = "client closed"
            self.close_connection = True
        except _HangUp:
            ended = "hung up"
            self.close_connection = True
        self.fake.note_end(seen, ended)

    def _answer(self, seen: Seen) -> None:
        if seen.method == "POST" and not isinstance(seen.body, dict):
            raise _ClientClosed  # in the middle of its request
        reply = self.fake.next_reply(seen)
        if not reply.held_after:
            self._wait_at_the_gate()
        self._pause(reply.first_delay)
        if self.fake.key and seen.key != self.fake.key:
            return self._json(401, {"error": {"message": f"wrong key {seen.key}"}})
        if seen.model == NO_MODEL:
            error = {"message": f"no model {NO_MODEL}", "code": "model_not_found"}
            return self._json(404, {"error": error})
        if reply.mode == "redirect":
            status = 307 if reply.status == 200 else reply.status
            return self._send(status, "text/plain", b"", {"Location": reply.location})
        if reply.status >= 400:
            return self._fail(reply)
        if seen.path.split("?")[0].endswith("/models"):
            return self._json(
                200, {"data": [{"id": name} for name in self.fake.models]}
            )
        if seen.path.endswith("/chat/completions"):
            return self._talk(reply, seen, openai_events(reply, seen.body))
        if seen.path.endswith("/messages"):
            return self._talk(reply, seen, anthropic_events(reply, seen.body))
        return self._json(404, {"error": {"message": "no such path"}})

    def _fail(self, reply: Reply) -> None:
        headers = {}
        if reply.retry_after is not None:
            headers["Retry-After"] = str(reply.retry_after)
        error = reply.error or {"message": "told to fail", "code": None}
        self._json(reply.status, {"error": error}, headers)

    def _talk(self, reply: Reply, seen: Seen, events: list[str]) -> None:
        plain = {
            "hang": self._hang,
            "refuse": self._hang_up,
            "html": lambda: self._send(200, "text/html", b"<h1>It works!</h1>"),
            "short": self._too_short,
            "empty": lambda: self._send(200, "text/event-stream", b""),
            "error": lambda: self._json(
                200, {"error": reply.error or {"message": "no capacity"}}
            ),
            "echo_key": lambda: self._json(
                400, {"error": {"message": f"{seen.headers} {seen.body}"}}
            ),
        }
        if reply.mode == "echo_key_text":
            reply = replace(reply, text=f"You called me with {seen.key}, I think.")
            events = openai_events(reply, seen.body)
        if reply.mode in plain:
            return plain[reply.mode]()
        if isinstance(seen.body, dict) and not seen.body.get("stream"):
            is_anthropic = seen.path.endswith("/messages")
            plain_of = anthropic_plain if is_anthropic else openai_plain
            return self._json(200, plain_of(reply, seen.body))
        return self._stream(reply, events)

    def _too_short(self) -> None:
        """Less than was announced, then the connection is closed in order."""
        self._begin(200, "text/event-stream", {"Content-Length": "4096"})
        self.wfile.write(b'data: {"choices": [{"index": 0, "delta": ')
        self.wfile.flush()
        self._hang_up()

    def _stream(self, reply: Reply, events: list[str]) -> None:
        headers = {"Content-Encoding": "gzip"} if reply.mode == "gzip" else {}
        self._begin(
            200, "text/event-stream", headers | {"Transfer-Encoding": "chunked"}
        )
        if reply.mode == "drip":
            self._drip(reply.delay or 0.05)
        half = len(events) // 2
        for at, event in enumerate(events):
            if at == half:
                self._break_off(reply, events)
            self._pause(reply.delay if at else 0)
            if at == reply.held_after:
                self._wait_at_the_gate()
            self._chunk(event.encode())
        self._chunk(b"")

    def _break_off(self, reply: Reply, events: list[str]) -> None:
        """What happens in the middle of an answer, if anything."""
        match reply.mode:
            case "hang_midway":
                self._hang()
            case "reset":
                self._hang_up(reset=True)
            case "cut":
                self._chunk(b"")
                self._hang_up()
            case "malformed":
                self._chunk(b'data: {"choices": [{"delta": {"content": "br\n\n')
            case "error_event":
                error = reply.error or {"type": "overloaded_error", "message": "busy"}
                data = json.dumps({"type": "error", "error": error})
                self._chunk(f"event: error\ndata: {data}\n\n".encode())
            case "huge" | "noise":
                text = next(event for event in events if reply.text[:5] in event)
                while True:
                    self._chunk(text.encode() if reply.mode == "huge" else b":" * 999)

    def _drip(self, delay: float) -> None:
        while True:
            self._chunk(b":\n")
            self._pause(delay)

    def _wait_at_the_gate(self) -> None:
        while not (self.fake.gate.is_set() or self.fake.stopping.is_set()):
            self._pause(0.05)

    def _hang(self) -> None:
        while not self.fake.stopping.is_set():
            self._pause(0.1)
        raise _HangUp

    def _hang_up(self, *, reset: bool = False) -> None:
        if reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        # The server shuts a socket down in order; only closing it first is a reset.
        self.connection.close()
        raise _HangUp

    def _pause(self, seconds: float) -> None:
        """Wait, but notice at once when the client closes the connection."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            readable, _, _ = select.select([self.connection], [], [], min(left, 0.1))
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                raise _ClientClosed
            if readable:
                time.sleep(min(left, 0.1))

    def _begin(self, status: int, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Set-Cookie", "session=1; Path=/")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(
        self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        self._begin(status, kind, {"Content-Length": str(len(body))} | (headers or {}))
        self.wfile.write(body)

    def _json(
        self, status: int, body: Any, headers: dict[str, str] | None = None
    ) -> None:
        self._send(status, "application/json", json.dumps(body).encode(), headers)

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()
