"""The fake provider: what it was told to answer, and its log of what was asked."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

from tests.fake_llm.handler import Handler, Server
from tests.fake_llm.replies import MODELS, MODES, Reply
from tests.fake_llm.seen import Seen


class FakeLLM:
    """The server and its memory."""

    def __init__(self, port: int = 0, log: Path | None = None) -> None:
        self.requests: list[Seen] = []
        self.default = Reply()
        self.models = list(MODELS)
        self.key = ""  # when set, any other key is refused
        self.gate = threading.Event()  # while it is clear, calls wait for their answers
        self.gate.set()
        self._queue: deque[Reply] = deque()
        self._by_model: dict[str, Reply] = {}
        self._chooser: Callable[[Seen], Reply] | None = None
        self._log = log
        self._changed = threading.Condition()
        self.stopping = threading.Event()
        self._server = Server(("127.0.0.1", port), Handler)
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
            self._chooser = None
            self.default = Reply()
            self.models = list(MODELS)
            self.key = ""
            self.gate.set()

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

    def answers_by(self, choose: Callable[[Seen], Reply]) -> None:
        """Let `choose` say how each request is answered; called on its own thread."""
        self._chooser = choose

    def calls(self) -> list[Seen]:
        """The requests for an answer, without those for the list of models."""
        return [seen for seen in self.requests if seen.method == "POST"]

    def wait_for(self, count: int = 1, *, ended: str = "", seconds: float = 30) -> None:
        """Wait until `count` calls have come in, or have ended in this way."""

        def there() -> bool:
            return (
                sum(seen.ended == ended or not ended for seen in self.calls()) >= count
            )

        with self._changed:
            if not self._changed.wait_for(there, seconds):
                raise AssertionError(f"not {count} calls {ended}: {self.requests}")

    def next_reply(self, seen: Seen) -> Reply:
        """How this request is answered."""
        if self._chooser is not None:
            return self._chooser(seen)
        model = seen.model
        with self._changed:
            if model in self._by_model:
                return self._by_model[model]
            if model.removeprefix("fake-") in MODES:
                return replace(self.default, mode=model.removeprefix("fake-"))
            return self._queue.popleft() if self._queue else self.default

    def queue(self, reply: Reply) -> None:
        """Answer the next request so."""
        with self._changed:
            self._queue.append(reply)

    def note(self, seen: Seen) -> None:
        """A request has come in."""
        with self._changed:
            self.requests.append(seen)
            self._write({"event": "came", **asdict(seen)})
            self._changed.notify_all()

    def note_end(self, seen: Seen, ended: str) -> None:
        """Its connection has ended: "answered", "client closed" or "hung up"."""
        with self._changed:
            seen.ended, seen.ended_at = ended, time.time()
            self._write({"event": "ended", "ended": ended, "at": seen.at})
            self._changed.notify_all()

    def _write(self, entry: dict[str, Any]) -> None:
        """One more line in the log, which is only ever added to."""
        if self._log is not None:
            with self._log.open("a") as file:
                file.write(json.dumps(entry | {"written_at": time.time()}) + "\n")
