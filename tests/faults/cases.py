"""The ways a provider can fail, and what must become of a request then."""

from dataclasses import dataclass, field
from typing import Any

from tests.fake_llm import Reply
from tests.faults.stage import ANSWER

DEADLINE = 3.0  # seconds that a call may take
DECLINED = "As an AI language model, I can't help with that request."


@dataclass(frozen=True)
class Case:
    """One way to fail.

    `calls`: to the case's own model, as the provider counts them. `ends`: the request's
    status, and its error class where it has one. `is_saved`: there is a fallback.
    `replies`: for the first, second … call; the last one for all that follow.
    """

    row: str
    name: str
    replies: list[Reply]
    ends: str
    calls: int
    is_saved: bool = False
    address: str = ""  # of another server; "tls": the fake's own, spoken to in TLS
    outcome: str = ""
    seconds: float = 30
    fallback: Reply = field(default_factory=lambda: Reply(text=ANSWER))


def _status(status: int, **how: Any) -> list[Reply]:
    return [Reply(status=status, **how)]


def _mode(mode: str, **how: Any) -> list[Reply]:
    return [Reply(mode=mode, **how)]


_TOO_LONG = {"message": "too long", "code": "context_length_exceeded"}
_OK = Reply(text=ANSWER)
_NO = Reply(text=DECLINED)
_BROKEN = Reply(status=503)

CASES = [
    Case("F30", "429", _status(429), "complete", 3, True),
    Case("F30", "429 once", [*_status(429), _OK], "complete", 2),
    Case("F31", "429, wait 2 s", [*_status(429, retry_after=2), _OK], "complete", 2),
    Case("F31", "429, wait an hour", _status(429, retry_after=3600), "pending", 1),
    Case(
        "F31",
        "429, an hour, saved",
        _status(429, retry_after=3600),
        "complete",
        1,
        True,
    ),
    *(
        Case("F32", f"{status}", _status(status), "complete", 3, True)
        for status in (500, 502, 503, 529)
    ),
    *(
        Case("F33", f"{status}", _status(status), "error key_refused", 1, True)
        for status in (401, 403)
    ),
    Case("F34", "404", _status(404), "error no_model", 1),
    Case("F34", "404, saved", _status(404), "complete", 1, True),
    Case("F34", "400", _status(400), "error bad_request", 1, True),
    Case("F34", "context", _status(400, error=_TOO_LONG), "error too_long", 2),
    Case("F34", "context once", [*_status(413), _OK], "complete", 2),
    Case("F34", "context, saved", _status(413), "complete", 2, True),
    Case(
        "F35", "no such name", [_OK], "complete", 0, True, "https://nowhere.invalid/v1"
    ),
    Case("F35", "refused", [_OK], "complete", 0, True, "refused"),
    Case("F35", "no TLS", [_OK], "complete", 0, True, "tls"),
    Case("F36", "hang", _mode("hang"), "error timed_out", 1, seconds=DEADLINE),
    Case(
        "F36",
        "hang midway",
        _mode("hang_midway"),
        "complete",
        1,
        True,
        seconds=DEADLINE,
    ),
    Case(
        "F37", "drip", _mode("drip", delay=0.1), "error timed_out", 1, seconds=DEADLINE
    ),
    Case("F38", "reset", _mode("reset"), "complete", 3, True),
    Case("F38", "cut", _mode("cut"), "complete", 3, True),
    Case("F38", "short", _mode("short"), "complete", 3, True),
    Case("F38", "closed at once", _mode("refuse"), "complete", 3, True),
    Case("F39", "malformed", _mode("malformed"), "error malformed", 2),
    Case("F39", "html", _mode("html"), "error malformed", 2),
    Case("F39", "empty body", _mode("empty"), "error malformed", 2),
    Case("F39", "error in 200", _mode("error"), "error malformed", 2),
    Case(
        "F39",
        "overloaded in 200",
        _mode("error", error={"message": "busy", "code": 503}),
        "error overloaded",
        3,
    ),
    Case("F40", "empty text", [Reply(text="")], "error empty", 2),
    Case("F40", "blank text", [Reply(text=" \n ")], "error empty", 2),
    Case("F40", "only thoughts", [Reply(text="<think>Hm.</think>")], "error empty", 2),
    Case("F40", "null", _mode("null"), "complete", 2, True),
    Case("F40", "no choices", _mode("no_choices"), "error", 2),
    Case(
        "F41", "filtered", [Reply(finish_reason="content_filter")], "complete", 1, True
    ),
    Case("F41", "refused", [Reply(refusal="I cannot.")], "complete", 1, True),
    Case(
        "F41",
        "refused twice",
        [Reply(refusal="I cannot.")],
        "error refused",
        1,
        True,
        fallback=Reply(refusal="Neither can I."),
    ),
    Case("F41", "declined in prose", [_NO], "complete", 1, True),
    Case("F41", "declined, alone", [_NO], "complete", 1, outcome="declined"),
    Case("F41", "declined twice", [_NO], "complete", 1, True, fallback=_NO),
    Case("F41", "declined, broken", [_NO], "complete", 1, True, fallback=_BROKEN),
    Case(
        "F42",
        "length",
        [Reply(text="Two hours. Then st", finish_reason="length")],
        "complete",
        1,
        outcome="cut_off",
    ),
    Case(
        "F43",
        "endless text",
        _mode("huge"),
        "complete",
        1,
        outcome="cut_off",
        seconds=30,
    ),
    Case("F43", "endless noise", _mode("noise"), "error malformed", 2),
    Case(
        "F43",
        "40,001",
        [Reply(text="a b. " * 8000 + "c")],
        "complete",
        1,
        outcome="cut_off",
    ),
    *(
        Case("F44", f"usage {number!r}", [Reply(usage=usage)], "complete", 1)
        for number, usage in (
            ("none", None),
            *(
                (number, {"prompt_tokens": number, "completion_tokens": number})
                for number in (-5, 10**15, 1.5, "many")
            ),
        )
    ),
    Case("F45", "redirect", _mode("redirect"), "error unreachable", 2),
    Case("F46", "all fail", _status(503), "error", 3, True, fallback=_BROKEN),
    Case(
        "F46",
        "all hang",
        _mode("hang"),
        "error overloaded",
        1,
        True,
        seconds=DEADLINE,
        fallback=_BROKEN,
    ),
    Case("A-SEC-1", "key in an error", _mode("echo_key"), "error bad_request", 1),
    Case("A-SEC-1", "key in an answer", _mode("echo_key_text"), "complete", 1),
]

TITLES = {
    "F30": "429 without Retry-After",
    "F31": "429 with Retry-After 2 and 3,600",
    "F32": "500, 502, 503, 529",
    "F33": "401, 403",
    "F34": "no such model, bad request, context too long",
    "F35": "no such name, refused, no TLS",
    "F36": "hang",
    "F37": "slow drip",
    "F38": "reset and cut off bodies",
    "F39": "malformed, HTML, empty, error object in 200",
    "F40": "empty, null, no choices",
    "F41": "content filter, refusal",
    "F42": "cut off at the length limit",
    "F44": "usage missing, negative, 10^15, float, string",
    "F45": "redirect to another host",
    "F46": "all routes fail",
    "A-SEC-1": "a provider that repeats the key",
}
