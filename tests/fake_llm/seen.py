"""What the fake provider saw."""

from dataclasses import dataclass
from typing import Any


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
