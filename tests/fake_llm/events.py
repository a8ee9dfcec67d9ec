"""A reply as the events, or the one object, of either protocol."""

import json
from collections.abc import Iterator
from typing import Any

from tests.fake_llm.replies import COUNTED, Reply


def usage_of(reply: Reply, body: Any, names: tuple[str, str]) -> dict[str, Any] | None:
    """The reply's usage, counted in words of the request and pieces of the answer."""
    if reply.usage != COUNTED:
        return reply.usage
    words = len(json.dumps(body.get("messages", "")).split())
    return dict(zip(names, (words, len(reply.pieces())), strict=True))


def openai_events(reply: Reply, body: Any) -> list[str]:
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
    usage = usage_of(reply, body, ("prompt_tokens", "completion_tokens"))
    if usage is not None:
        events.append(event([], usage=usage))
    return [*events, "data: [DONE]\n\n"]


def openai_plain(reply: Reply, body: Any) -> dict[str, Any]:
    text = None if reply.refusal or reply.mode == "null" else reply.text
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if reply.refusal:
        message["refusal"] = reply.refusal
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": body.get("model", ""),
        "choices": [] if reply.mode == "no_choices" else [choice],
        "usage": usage_of(reply, body, ("prompt_tokens", "completion_tokens")),
    }


_ANTHROPIC_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "content_filter": "refusal",
}


def anthropic_plain(reply: Reply, body: Any) -> dict[str, Any]:
    is_silent = reply.mode in ("null", "no_choices")
    return {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": body.get("model", ""),
        "content": [] if is_silent else [{"type": "text", "text": reply.text}],
        "stop_reason": _ANTHROPIC_REASONS.get(reply.finish_reason or ""),
        "usage": usage_of(reply, body, ("input_tokens", "output_tokens")),
    }


def anthropic_events(reply: Reply, body: Any) -> list[str]:
    def event(kind: str, **fields: Any) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"

    usage = usage_of(reply, body, ("input_tokens", "output_tokens")) or {}
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
