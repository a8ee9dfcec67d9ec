"""How one request is answered: plainly, or in one of the ways to fail."""

from dataclasses import dataclass, field
from typing import Any

MODELS = ["smollm2", "fake-1", "gpt-4o-mini"]
NO_MODEL = "nope"  # any other answers, in the list or not
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
        "short",  # fewer bytes than its length says
        "echo_key_text",  # an answer that repeats the key in its text
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
    held_after: int = 0  # pieces that are sent although the fake's gate is shut
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
