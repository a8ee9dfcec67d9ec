"""A call against a provider that fails in every way we know of."""

import threading
from datetime import timedelta

import pytest

from llmconfig import client
from llmconfig.client import CallHandle
from llmconfig.tests.calling import failure_of


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ({"status": 400}, "bad_request"),
        ({"status": 401}, "key_refused"),
        ({"status": 402}, "key_refused"),
        ({"status": 403}, "key_refused"),
        ({"status": 404}, "no_model"),
        ({"status": 413}, "too_long"),
        ({"status": 422}, "bad_request"),
        ({"status": 429}, "rate_limited"),
        ({"status": 500}, "overloaded"),
        ({"status": 502}, "overloaded"),
        ({"status": 503}, "overloaded"),
        ({"status": 529}, "overloaded"),
        ({"status": 400, "error": {"code": "context_length_exceeded"}}, "too_long"),
        (
            {"status": 400, "error": {"message": "prompt is too long: 9 > 8"}},
            "too_long",
        ),
        ({"status": 400, "error": {"code": "content_filter"}}, "filtered"),
        ({"status": 403, "error": {"message": "flagged: moderation"}}, "filtered"),
        ({"status": 429, "error": {"code": "insufficient_quota"}}, "key_refused"),
        ({"status": 400, "error": {"message": "API key not valid."}}, "key_refused"),
        ({"status": 400, "error": {"code": "model_not_found"}}, "no_model"),
        ({"mode": "refuse"}, "overloaded"),
        ({"mode": "reset"}, "overloaded"),
        ({"mode": "cut"}, "overloaded"),
        ({"mode": "malformed"}, "malformed"),
        ({"mode": "html"}, "malformed"),
        ({"mode": "empty"}, "malformed"),
        ({"mode": "gzip"}, "malformed"),
        ({"mode": "noise"}, "malformed"),
        ({"mode": "error"}, "malformed"),
        ({"mode": "error", "error": {"code": 429, "message": "x"}}, "rate_limited"),
        ({"mode": "error_event"}, "overloaded"),
        ({"mode": "null"}, "empty"),
        ({"mode": "no_choices"}, "empty"),
        ({"text": " \n "}, "empty"),
        ({"text": "", "finish_reason": "length"}, "empty"),
        ({"mode": "redirect"}, "unreachable"),
        ({"mode": "echo_key"}, "bad_request"),
    ],
)
@pytest.mark.fault("F32", "F33", "F34", "F38", "F39", "F40", "F43", "F45")
def test_complete_names_the_failure(call, fake_llm, settings, how, kind):
    settings.LLM_MAX_BODY_BYTES = 200_000
    fake_llm.answers(**how)

    failure = failure_of(call())

    assert failure.kind == kind
    assert len(fake_llm.requests) == 1


@pytest.mark.fault("F35")
def test_complete_names_a_closed_port_unreachable(call, settings, protocol):
    settings.LLM_PRIVATE_HOSTS = [("127.0.0.1", 9)]

    assert failure_of(call(address="http://127.0.0.1:9/v1")).kind == "unreachable"


@pytest.mark.fault("F30", "F31")
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (20, 20),
        ("1.5", 1.5),
        (10**9, 3600),
        (None, None),
        ("soon", None),
        (-3, 0),
        ("inf", None),
        ("Mon, 20 Nov 99999999999 10:00:00 GMT", None),
        ("Mon, 20 Nov 2026 10:00:00 +99999999999999999999", None),
    ],
)
def test_complete_says_how_long_the_provider_wants_to_rest(
    call, fake_llm, header, seconds
):
    fake_llm.answers(status=429, retry_after=header)

    failure = failure_of(call())

    expected = None if seconds is None else timedelta(seconds=seconds)
    assert (failure.kind, failure.retry_after) == ("rate_limited", expected)


@pytest.mark.fault("F36", "F37")
@pytest.mark.parametrize("mode", ["hang", "hang_midway", "drip"])
def test_complete_ends_at_its_deadline(call, fake_llm, mode):
    fake_llm.answers("One two three.", mode=mode)

    failure = failure_of(call(deadline=timedelta(seconds=1)))

    assert failure.kind == "timed_out"
    fake_llm.wait_for(ended="client closed")
    assert len(fake_llm.requests) == 1


def test_complete_keeps_what_had_arrived(call, fake_llm):
    fake_llm.answers("One two three four.", mode="reset")

    failure = failure_of(call())

    assert failure.partial.text
    assert "One two three four.".startswith(failure.partial.text)


@pytest.mark.fault("F58")
@pytest.mark.parametrize("kind", ["cancelled", "interrupted"])
@pytest.mark.parametrize("mode", ["hang", "hang_midway", "drip"])
def test_cancel_closes_the_connection(call, fake_llm, mode, kind):
    fake_llm.answers(mode=mode)
    handle = CallHandle()
    failures = []
    thread = threading.Thread(
        target=lambda: failures.append(failure_of(call(), handle=handle))
    )
    thread.start()
    fake_llm.wait_for(1)

    handle.cancel(kind)

    fake_llm.wait_for(ended="client closed")
    thread.join(60)
    assert [failure.kind for failure in failures] == [kind]


def test_cancel_before_the_call_sends_nothing(call, fake_llm):
    handle = CallHandle()
    handle.cancel()

    assert failure_of(call(), handle=handle).kind == "cancelled"
    assert fake_llm.requests == []


def test_cancel_after_the_call_does_no_harm(call, fake_llm):
    handle = CallHandle()
    client.complete(call(), handle=handle)

    handle.cancel()

    assert client.complete(call()).text
