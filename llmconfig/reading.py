"""Reading a model's answer, chunk by chunk, with nothing in it believed unseen."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings

from llmconfig.calls import Answer

# No call has more; a provider that says so has miscounted.
_MOST_TOKENS = 100_000_000


class Reading:
    """What has been read of one answer."""

    def __init__(self, on_text: Callable[[str], None] | None) -> None:
        self.finish_reason = ""
        self._on_text = on_text
        self._started = time.monotonic()
        self._first_text_seconds: float | None = None
        self._parts: list[str] = []
        self._chars = 0
        self._refusal = ""
        self._tokens_in: int | None = None
        self._tokens_out: int | None = None

    @property
    def is_full(self) -> bool:
        """Longer than any reply may be; the rest is not waited for."""
        return self._chars > settings.LLM_MAX_REPLY_CHARS

    @property
    def is_silent(self) -> bool:
        """Without text, and without a refusal or filter that would explain it."""
        if self._refusal or self.finish_reason == "content_filter":
            return False
        return not "".join(self._parts).strip()

    def take(self, chunk: Any) -> None:
        """Take in one chunk of OpenAI's form, of which any part may be missing."""
        self._take_usage(getattr(chunk, "usage", None))
        for choice in (getattr(chunk, "choices", None) or [])[:1]:
            self.finish_reason = str(
                getattr(choice, "finish_reason", None) or self.finish_reason
            )
            delta = getattr(choice, "delta", None)
            refusal = getattr(delta, "refusal", None)
            if isinstance(refusal, str):
                said = self._refusal + refusal
                self._refusal = said[: settings.LLM_MAX_REPLY_CHARS]
            # A model's reasoning has fields of its own and is not part of the answer.
            text = getattr(delta, "content", None)
            if isinstance(text, str) and text:
                self._take_text(text)

    def _take_text(self, text: str) -> None:
        if self._first_text_seconds is None:
            self._first_text_seconds = time.monotonic() - self._started
        text = text[: settings.LLM_MAX_REPLY_CHARS + 1 - self._chars]
        self._chars += len(text)
        self._parts.append(text)
        if self._on_text is not None:
            self._on_text(storable(text))

    def _take_usage(self, usage: Any) -> None:
        if usage is not None:
            self._tokens_in = _tokens(getattr(usage, "prompt_tokens", None))
            self._tokens_out = _tokens(getattr(usage, "completion_tokens", None))

    def answer(self) -> Answer:
        """What there is so far; its price is not known here."""
        text = storable("".join(self._parts))
        # LiteLLM writes 0 where Anthropic's protocol left a number out.
        tokens_in = self._tokens_in or None
        tokens_out = None if text and self._tokens_out == 0 else self._tokens_out
        return Answer(
            text=text[: settings.LLM_MAX_REPLY_CHARS],
            finish_reason="length" if self.is_full else self.finish_reason,
            refusal=storable(self._refusal),
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cost_usd=None,
            first_text_seconds=self._first_text_seconds,
            total_seconds=time.monotonic() - self._started,
        )


def _tokens(number: object) -> int | None:
    """A token count that can be true, else None."""
    if isinstance(number, int) and not isinstance(number, bool):
        return number if 0 <= number <= _MOST_TOKENS else None
    return None


def storable(text: str) -> str:
    """`text` without what PostgreSQL cannot hold: NUL, and halves of surrogate pairs."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "")
