"""A model provider of the tests' own: OpenAI's and Anthropic's protocols over HTTP.

It answers as it was told, each way of failing included, and writes down every request
and how its connection ended. That log, not the worker's word, is what tests look at.
Used as the fixture `fake_llm`, or as a process of its own:
`python -m tests.fake_llm --port 0 --log requests.jsonl` prints its address. There,
a model's name may choose the mode, such as `fake-hang`, and replies can be queued by
POST /_answers (the fields of `Reply` as JSON); GET /_requests is the log.
"""

import argparse
import json
import select
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self, cast

MODELS = ["smollm2", "fake-1", "gpt-4o-mini"]
COUNTED = {"counted": "by the server"}

# Modes, beside the plain answer. "*" marks those that need no event stream.
MODES = frozenset(
    {
        "hang",  # takes the request and says nothing
        "hang_midway",  # half the text, then nothing more
        "drip",  # a byte of comment every `delay` seconds, for ever
        "reset",  # half the text, then the connection is reset
        "cut",  # half the text, then the connection is closed in order
        "refuse",  # closes the connection before any answer
        "malformed",  # an event that is not JSON
        "html",  # a web page with status 200
        "empty",  # status 200 and no body
        "null",  # content null
        "no_choices",
        "error",  # an error object with status 200, as JSON
        "error_event",  # an error object in the stream, after half the text
        "huge",  # a text without end
        "noise",  # comments without end, and fast
        "redirect",  # to `location`
        "gzip",  # an answer that says it is compressed
        "echo_key",  # an error that repeats the key and the request
    }
)


@dataclass(frozen=True)
class Reply:
    """How one request is answered."""

    text: str = "Hello from the fake model."
    chunks: int = 4  # pieces the text is sent in
    delay: float = 0.0  # seconds before each piece but the first
    first_delay: float = 0.0  # seconds before the answer begins
    status: int = 200
    retry_after: float | str | None = None
    finish_reason: str | None = "stop"
    usage: dict[str, Any] | None = field(default_factory=COUNTED.copy)
    mode: str = ""
    refusal: str = ""
    reasoning: str = ""
    error: dict[str, Any] | None = None
    location: str = "http://127.0.0.1:9/"

    def __post_init__(self) -> None:
        if self.mode and self.mode not in MODES:
            raise ValueError(f"no such mode: {self.mode}")

    def pieces(self) -> list[str]:
        size = max(1, -(-len(self.text) // max(1, self.chunks)))
        return [self.text[at : at + size] for at in range(0, len(self.text), size)]


@dataclass
class Seen:
    """One request as it came in, and how its connection ended."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: Any
    ended: str = ""  # "answered", "client closed", "hung up"; empty while it runs
    ended_at: float | None = None

    @property
    def model(self) -> str:
        return str(self.body.get("model", "")) if isinstance(self.body, dict) else ""

    @property
    def key(self) -> str:
        """The key that came with it; empty if none did."""
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        return bearer or self.headers.get("x-api-key", "")


class FakeLLM:
    """The server and its memory."""

    def __init__(self, port: int = 0, log: Path | None = None) -> None:
        self.requests: list[Seen] = []
        self.default = Reply()
        self.models = list(MODELS)
        self.key = ""  # when set, any other key is refused
        self._queue: deque[Reply] = deque()
        self._by_model: dict[str, Reply] = {}
        self._log = log
        self._changed = threading.Condition()
        self.stopping = threading.Event()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.fake = self
        self.port: int = self._server.server_address[1]

    @property
    def address(self) -> str:
        """The base URL of the OpenAI protocol; Anthropic's is `root`."""
        return f"{self.root}/v1"

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def reset(self) -> None:
        """Forget replies and requests; hanging connections are left to end."""
        with self._changed:
            self.requests = []
            self._queue.clear()
            self._by_model.clear()
            self.default = Reply()
            self.models = list(MODELS)
            self.key = ""

    def answers(
        self, text: str | None = None, *, model: str = "", times: int = 1, **how: Any
    ) -> None:
        """Answer the next request so, or the next `times`; with `model`, all for it."""
        reply = Reply(**how) if text is None else Reply(text=text, **how)
        with self._changed:
            if model:
                self._by_model[model] = reply
            else:
                self._queue.extend([reply] * times)

    def always_answers(self, text: str | None = None, **how: Any) -> None:
        """Answer so whenever nothing else was said."""
        self.default = Reply(**how) if text is None else Reply(text=text, **how)

    def calls(self) -> list[Seen]:
        """The requests for an answer, without those for the list of models."""
        return [seen for seen in self.requests if seen.method == "POST"]

    def wait_for(self, count: int = 1, *, ended: str = "", seconds: float = 10) -> None:
        """Wait until `count` calls have come in, or have ended in this way."""

        def there() -> bool:
            return (
                sum(seen.ended == ended or not ended for seen in self.calls()) >= count
            )

        with self._changed:
            if not self._changed.wait_for(there, seconds):
                raise AssertionError(f"not {count} calls {ended}: {self.requests}")

    def _next_reply(self, model: str) -> Reply:
        with self._changed:
            if model in self._by_model:
                return self._by_model[model]
            if model.removeprefix("fake-") in MODES:
                return replace(self.default, mode=model.removeprefix("fake-"))
            return self._queue.popleft() if self._queue else self.default

    def _note(self, seen: Seen) -> None:
        with self._changed:
            self.requests.append(seen)
            self._changed.notify_all()

    def _note_end(self, seen: Seen, ended: str) -> None:
        with self._changed:
            seen.ended, seen.ended_at = ended, time.time()
            if self._log is not None:
                with self._log.open("a") as file:
                    file.write(json.dumps(asdict(seen)) + "\n")
            self._changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    fake: FakeLLM

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _ClientClosed(Exception):
    """The other side ended the connection."""


class _HangUp(Exception):
    """This side ends the connection, as it was told to."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def fake(self) -> FakeLLM:
        return cast(_Server, self.server).fake

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
            self.fake._queue.append(Reply(**body))
            self._json(200, {})
        elif self.path == "/_requests":
            self._json(200, [asdict(seen) for seen in self.fake.requests])
        else:
            self._serve_provider(body)

    def _serve_provider(self, body: Any) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(time.time(), self.command, self.path, headers, body)
        self.fake._note(seen)
        ended = "answered"
        try:
            self._answer(seen)
        except (_ClientClosed, OSError):
            ended = "client closed"
            self.close_connection = True
        except _HangUp:
            ended = "hung up"
            self.close_connection = True
        self.fake._note_end(seen, ended)

    def _answer(self, seen: Seen) -> None:
        reply = self.fake._next_reply(seen.model)
        self._pause(reply.first_delay)
        if self.fake.key and seen.key != self.fake.key:
            return self._json(401, {"error": {"message": f"wrong key {seen.key}"}})
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
            return self._talk(reply, seen, _openai_events(reply, seen.body))
        if seen.path.endswith("/messages"):
            return self._talk(reply, seen, _anthropic_events(reply, seen.body))
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
            "empty": lambda: self._send(200, "text/event-stream", b""),
            "error": lambda: self._json(
                200, {"error": reply.error or {"message": "no capacity"}}
            ),
            "echo_key": lambda: self._json(
                400, {"error": {"message": f"{seen.headers} {seen.body}"}}
            ),
        }
        if reply.mode in plain:
            return plain[reply.mode]()
        if isinstance(seen.body, dict) and not seen.body.get("stream"):
            return self._json(200, _openai_plain(reply, seen.body))
        return self._stream(reply, events)

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


def _usage(reply: Reply, body: Any, names: tuple[str, str]) -> dict[str, Any] | None:
    """The reply's usage, counted in words of the request and pieces of the answer."""
    if reply.usage != COUNTED:
        return reply.usage
    words = len(json.dumps(body.get("messages", "")).split())
    return dict(zip(names, (words, len(reply.pieces())), strict=True))


def _openai_events(reply: Reply, body: Any) -> list[str]:
    def event(choices: list[dict[str, Any]], **more: Any) -> str:
        chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1}
        chunk |= {"model": body.get("model", ""), "choices": choices, **more}
        return f"data: {json.dumps(chunk)}\n\n"

    def choice(
        delta: dict[str, Any], finish: str | None = None
    ) -> list[dict[str, Any]]:
        return [{"index": 0, "delta": delta, "finish_reason": finish}]

    def deltas() -> Iterator[dict[str, Any]]:
        if reply.reasoning:
            yield {"reasoning_content": reply.reasoning}
        if reply.refusal:
            yield {"refusal": reply.refusal}
        elif reply.mode == "null":
            yield {"role": "assistant", "content": None}
        elif reply.mode != "no_choices":
            yield from ({"content": piece} for piece in reply.pieces())

    events = [event(choice(delta)) for delta in deltas()]
    if reply.finish_reason and reply.mode != "no_choices":
        events.append(event(choice({}, reply.finish_reason)))
    usage = _usage(reply, body, ("prompt_tokens", "completion_tokens"))
    if usage is not None:
        events.append(event([], usage=usage))
    return [*events, "data: [DONE]\n\n"]


def _openai_plain(reply: Reply, body: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.text}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": body.get("model", ""),
        "choices": [
            {"index": 0, "message": message, "finish_reason": reply.finish_reason}
        ],
        "usage": _usage(reply, body, ("prompt_tokens", "completion_tokens")),
    }


_ANTHROPIC_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "content_filter": "refusal",
}


def _anthropic_events(reply: Reply, body: Any) -> list[str]:
    def event(kind: str, **fields: Any) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"

    usage = _usage(reply, body, ("input_tokens", "output_tokens")) or {}
    message: dict[str, Any] = {"id": "m1", "type": "message", "role": "assistant"}
    message |= {"content": [], "model": body.get("model", ""), "stop_reason": None}
    pieces = [] if reply.mode in ("null", "no_choices") else reply.pieces()
    return [
        event(
            "message_start", message={**message, "usage": {**usage, "output_tokens": 1}}
        ),
        event(
            "content_block_start", index=0, content_block={"type": "text", "text": ""}
        ),
        *(
            event(
                "content_block_delta",
                index=0,
                delta={"type": "text_delta", "text": piece},
            )
            for piece in pieces
        ),
        event("content_block_stop", index=0),
        event(
            "message_delta",
            delta={"stop_reason": _ANTHROPIC_REASONS.get(reply.finish_reason or "")},
            usage={"output_tokens": usage.get("output_tokens")},
        ),
        event("message_stop"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path)
    options = parser.parse_args()
    fake = FakeLLM(options.port, options.log)
    print(fake.address, flush=True)
    fake.serve()


if __name__ == "__main__":
    main()
