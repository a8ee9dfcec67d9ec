"""Two small real calls: one answered at once, one streamed, as replies are."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

from llmconfig.asking import Service, answer_of
from llmconfig.errors import CallFailed
from llmconfig.failures import kind_of_error_object
from llmconfig.providers import PROVIDERS, provider_at

CALL_SECONDS = 20
# Few words are asked for; models that think first need room for that, or they fail.
_MOST_TOKENS = 256
_QUESTION = "Say hello in one short sentence."
# A service that does not keep to the limit has shown enough with this.
_MOST_CHARS = 4_000
_CUT_OFF = ("length", "max_tokens")
_FILTERED = ("content_filter", "refusal")


async def ask_plainly(service: Service, model: str) -> str:
    """What the model says, in one piece; blank if its limit ended before a word.

    Raises CallFailed.
    """
    body = _body(service, model)
    async with answer_of(
        service, _path(service), seconds=CALL_SECONDS, body=body
    ) as answer:
        await answer.aread()
        found = answer.json()
        if service.is_anthropic:
            return _said(_text(found["content"]), found.get("stop_reason"))
        choice = found["choices"][0]
        message = choice["message"]
        text = _text(message.get("content")) or _text(message.get("refusal"))
        return _said(text, choice.get("finish_reason"))


async def ask_streamed(service: Service, model: str) -> str:
    """What the model says, piece by piece; as `ask_plainly` otherwise."""
    body = _body(service, model) | {"stream": True}
    async with answer_of(
        service, _path(service), seconds=CALL_SECONDS, body=body
    ) as answer:
        if "text/event-stream" not in answer.headers.get("Content-Type", "").lower():
            await answer.aread()
            raise ValueError("no event stream")  # the wire says what it was
        text, reason = "", ""
        read = _read_anthropic if service.is_anthropic else _read_openai
        async for event in _events(answer):
            if event.get("error"):
                raise CallFailed(kind_of_error_object(event["error"]))
            piece, ended = read(event)
            text, reason = text + piece, reason or ended
            if len(text) > _MOST_CHARS:
                return text
    if not reason:
        raise CallFailed("overloaded")
    return _said(text, reason)


def _path(service: Service) -> str:
    return "/v1/messages" if service.is_anthropic else "/chat/completions"


def _body(service: Service, model: str) -> dict[str, Any]:
    is_openai = PROVIDERS["openai"] in (service.provider, provider_at(service.address))
    limit = "max_completion_tokens" if is_openai else "max_tokens"
    question = {"role": "user", "content": _QUESTION}
    return {"model": model, "messages": [question], limit: _MOST_TOKENS}


async def _events(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    async for line in answer.aiter_lines():
        data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
        if data == "[DONE]":
            yield {"done": True}
        elif data:
            event = json.loads(data)
            if not isinstance(event, dict):
                raise ValueError("no event")  # a list, a number
            yield event


def _read_openai(event: dict[str, Any]) -> tuple[str, str]:
    """The text of one event, and why the answer ended, if it says so."""
    if event.get("done"):
        return "", "stop"
    for choice in (event.get("choices") or [])[:1]:
        delta = choice.get("delta") or {}
        text = _text(delta.get("content")) or _text(delta.get("refusal"))
        return text, choice.get("finish_reason") or ""
    return "", ""


def _read_anthropic(event: dict[str, Any]) -> tuple[str, str]:
    delta = event.get("delta") or {}
    if event.get("type") == "message_stop":
        return "", "stop"
    return _text(delta.get("text")), delta.get("stop_reason") or ""


def _text(content: object) -> str:
    """The words of a content: a text, or a list of parts of which some are text."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _said(text: str, reason: object) -> str:
    """`text`, or the failure that none at all is."""
    if not text.strip() and reason not in _CUT_OFF:
        raise CallFailed("filtered" if reason in _FILTERED else "empty")
    return text
