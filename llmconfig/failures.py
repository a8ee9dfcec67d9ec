"""What a provider's failure is called: status, body and error to a kind."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from django.conf import settings

_BY_STATUS = {
    401: "key_refused",
    402: "key_refused",
    403: "key_refused",
    404: "no_model",
    408: "overloaded",
    413: "too_long",
    429: "rate_limited",
}

# Providers' own codes and phrases in an error's body, looked for in this order; they
# tell apart what shares a status.
_BY_WORDS = [
    ("too_long", "context_length_exceeded"),
    ("too_long", "maximum context length"),
    ("too_long", "context window"),
    ("too_long", "exceeds the available context"),  # llama.cpp
    ("too_long", "exceed_context_size"),  # llama.cpp
    ("too_long", "prompt is too long"),  # Anthropic
    ("too_long", "must be <= "),  # Text Generation Inference
    ("filtered", "content_filter"),
    ("filtered", "content_policy"),
    ("filtered", "moderation"),  # OpenRouter, with 403
    ("key_refused", "insufficient_quota"),  # OpenAI, with 429
    ("key_refused", "credit balance"),  # Anthropic, with 400
    ("key_refused", "api key not valid"),  # Google, with 400
    ("key_refused", "invalid_api_key"),
    ("no_model", "model_not_found"),
    ("no_model", "model not found"),
    ("no_model", "not a valid model"),  # OpenRouter, with 400
    ("no_model", "invalid model"),  # Mistral, with 400
    ("no_model", "model not exist"),  # DeepSeek, with 400
]
_BY_STREAM_WORDS = [
    ("rate_limited", "rate_limit"),
    ("overloaded", "overloaded"),
    ("overloaded", "server_error"),
    ("overloaded", "api_error"),
]


def kind_of_status(status: int, body: str) -> str:
    """The kind of an answer with an error status; `body` is its beginning."""
    if status < 500:
        words = body.lower()
        for kind, phrase in _BY_WORDS:
            if phrase in words:
                return kind
        return _BY_STATUS.get(status, "bad_request")
    return "overloaded"


def kind_of_error_object(error: object) -> str:
    """The kind of an error object that came with a status that says success."""
    code = error.get("code") if isinstance(error, dict) else None
    words = json.dumps(error, default=str).lower()
    if isinstance(code, int) and 400 <= code < 600:
        return kind_of_status(code, words)
    for kind, phrase in _BY_WORDS + _BY_STREAM_WORDS:
        if phrase in words:
            return kind
    return "malformed"


def retry_after(header: str) -> timedelta | None:
    """The pause asked for by a Retry-After header, in seconds or as a date.

    None when there is none to be understood; at most LLM_MAX_RETRY_AFTER.
    """
    try:
        pause = timedelta(seconds=float(header))
    except (ValueError, OverflowError):
        try:
            pause = parsedate_to_datetime(header) - datetime.now(UTC)
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(pause, timedelta(0)), settings.LLM_MAX_RETRY_AFTER)
