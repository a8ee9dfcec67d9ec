"""The door to a model, against a provider that fails in every way we know of."""

import logging
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest

from llmconfig import client
from llmconfig.client import Call, CallFailed, CallHandle
from tests.fake_llm import FakeLLM

KEY = "sk-canary-4b1d9c"
ROUTES = ["openai", "anthropic"]


@pytest.fixture(params=ROUTES)
def route(request):
    return request.param


@pytest.fixture
def call(fake_llm, route):
    """Make a call to the fake provider; keyword arguments change its `Call`."""

    def make(**changes) -> Call:
        fields = {
            "route": route,
            "address": fake_llm.address if route == "openai" else fake_llm.root,
            "model": "fake-1",
            "key": KEY,
            "parameters": {},
            "messages": [{"role": "user", "content": "Hello?"}],
            "deadline": timedelta(seconds=20),
        }
        return Call(**fields | changes)

    return make


def failure_of(call: Call, **kwargs) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        client.complete(call, **kwargs)
    assert KEY not in f"{caught.value} {caught.value.message} {caught.value.partial}"
    return caught.value


@pytest.mark.requirement("M-03")
def test_complete_returns_text_usage_and_times(call, fake_llm):
    fake_llm.answers("One two three four.", chunks=4)

    answer = client.complete(call())

    assert answer.text == "One two three four."
    assert (answer.finish_reason, answer.refusal) == ("stop", "")
    assert answer.tokens_in > 0
    assert answer.tokens_out == 4
    assert 0 < answer.first_text_seconds <= answer.total_seconds
    assert answer.cost_usd is None
    assert fake_llm.requests[0].key == KEY


def test_complete_hands_on_text_as_it_arrives(call, fake_llm):
    fake_llm.answers("One two three four.", chunks=4, delay=0.05)
    pieces = []

    answer = client.complete(call(), on_text=pieces.append)

    assert len(pieces) == 4
    assert "".join(pieces) == answer.text
    assert answer.first_text_seconds < answer.total_seconds


def test_complete_sends_what_the_call_says(call, fake_llm, route):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello?"},
    ]
    parameters = {"temperature": 0.0, "max_tokens": 7, "top_p": None}

    client.complete(call(messages=messages, parameters=parameters))

    sent = fake_llm.requests[0].body
    assert (sent["model"], sent["stream"]) == ("fake-1", True)
    assert (sent["temperature"], sent["max_tokens"]) == (0.0, 7)
    assert "top_p" not in sent
    if route == "openai":
        assert sent["messages"] == messages
        assert sent["stream_options"] == {"include_usage": True}
    else:
        assert sent["system"][0]["text"] == "Be brief."


ALL_PARAMETERS = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 3,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
    "repetition_penalty": 1.1,
    "max_tokens": 9,
}


def test_complete_leaves_out_parameters_the_provider_does_not_take(
    call, fake_llm, route
):
    client.complete(call(parameters=ALL_PARAMETERS))

    sent = fake_llm.requests[0].body
    taken = set(ALL_PARAMETERS)
    if route == "anthropic":
        taken = {"temperature", "top_p", "top_k", "max_tokens"}
    assert set(ALL_PARAMETERS) & set(sent) == taken


@pytest.mark.fault("A-SSRF-10")
@pytest.mark.parametrize(
    "name",
    "api_base base_url api_key api_version organization extra_headers headers model_list"
    " fallbacks context_window_fallback_dict custom_llm_provider mock_response mock_delay"
    " mock_tool_calls client shared_session tools tool_choice functions function_call"
    " user metadata num_retries max_retries timeout stream stream_options n stop seed"
    " response_format logit_bias logprobs callbacks success_callback input_callback"
    " caching cache model_info input_cost_per_token aws_access_key_id vertex_project"
    " azure_ad_token region_name allowed_openai_params drop_params extra_body"
    " additional_drop_params web_search_options thinking reasoning_effort prompt_id"
    " prompt_variables litellm_params litellm_logging_obj user_config provider"
    " deployment_id acompletion text_completion force_timeout logger_fn verbose".split(),
)
def test_complete_passes_no_other_parameter_on(call, fake_llm, name):
    hostile = "http://127.0.0.1:9/canary"

    client.complete(call(parameters={name: hostile}))

    (seen,) = fake_llm.requests
    assert hostile not in f"{seen.body} {seen.headers}"
    assert seen.key == KEY


def test_complete_gives_anthropic_the_limit_it_wants(call, fake_llm, route):
    client.complete(call())

    expected = client.ANTHROPIC_MAX_TOKENS if route == "anthropic" else None
    assert fake_llm.requests[0].body.get("max_tokens") == expected


@pytest.mark.parametrize(
    "model",
    "openai/gpt-4o anthropic/claude-x o1-pro gpt-5-codex gpt-3.5-turbo-instruct"
    " responses/gpt-4o bedrock/x text-completion-openai/x huggingface/a/b"
    " vertex_ai/x meta-llama/Llama-3:free".split(),
)
@pytest.mark.fault("A-SSRF-11")
def test_complete_calls_the_address_it_was_given_whatever_the_model_is_called(
    call, fake_llm, model
):
    client.complete(call(model=model))

    (seen,) = fake_llm.requests
    assert seen.path in ("/v1/chat/completions", "/v1/messages")
    assert seen.model.endswith(model.removeprefix("responses/"))


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
def test_complete_names_a_closed_port_unreachable(call, settings, route):
    settings.LLM_PRIVATE_HOSTS = [("127.0.0.1", 9)]

    assert failure_of(call(address="http://127.0.0.1:9/v1")).kind == "unreachable"


@pytest.mark.fault("F30", "F31")
@pytest.mark.parametrize(
    ("header", "seconds"),
    [(20, 20), ("1.5", 1.5), (10**9, 3600), (None, None), ("soon", None), (-3, 0)],
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
    deadline = timedelta(seconds=1)
    began = time.monotonic()

    failure = failure_of(call(deadline=deadline))

    assert failure.kind == "timed_out"
    assert time.monotonic() - began < 5
    fake_llm.wait_for(ended="client closed", seconds=5)
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

    fake_llm.wait_for(ended="client closed", seconds=2)
    thread.join(2)
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


@pytest.mark.fault("F41")
@pytest.mark.parametrize("text", ["", "Some text."])
def test_a_filtered_answer_comes_back_as_one(call, fake_llm, text):
    fake_llm.answers(text, finish_reason="content_filter")

    answer = client.complete(call())

    assert (answer.text, answer.finish_reason) == (text, "content_filter")


@pytest.mark.fault("F41")
@pytest.mark.parametrize("route", ["openai"], indirect=True)
def test_a_refusal_comes_back_as_one(call, fake_llm):
    fake_llm.answers(refusal="I would rather not.")

    answer = client.complete(call())

    assert (answer.text, answer.refusal) == ("", "I would rather not.")


@pytest.mark.fault("F42")
def test_a_cut_off_answer_says_so(call, fake_llm):
    fake_llm.answers("One two", finish_reason="length")

    assert client.complete(call()).finish_reason == "length"


@pytest.mark.fault("F43")
def test_a_text_without_end_is_cut_off(call, fake_llm, settings):
    settings.LLM_MAX_REPLY_CHARS = 100
    fake_llm.answers(mode="huge")
    pieces = []

    answer = client.complete(call(), on_text=pieces.append)

    assert (len(answer.text), answer.finish_reason) == (100, "length")
    assert len("".join(pieces)) <= 101
    fake_llm.wait_for(ended="client closed")


@pytest.mark.parametrize("route", ["openai"], indirect=True)
def test_reasoning_is_no_part_of_the_text(call, fake_llm):
    fake_llm.answers("Four.", reasoning="Two and two ...")

    assert client.complete(call()).text == "Four."


@pytest.mark.fault("F25")
def test_what_the_database_cannot_hold_is_taken_out(call, fake_llm):
    fake_llm.answers("a\0b \ud800 c \U0001f600", chunks=1)
    pieces = []

    answer = client.complete(
        call(messages=[{"role": "user", "content": "\0 \udfff"}]),
        on_text=pieces.append,
    )

    assert answer.text == "ab \ufffd c \U0001f600"
    assert "".join(pieces) == answer.text


@pytest.mark.fault("F44")
@pytest.mark.parametrize("number", [-5, 10**15, "12", "x", None, [], 3.7])
def test_usage_that_cannot_be_true_is_unknown(call, fake_llm, number, route):
    names = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens")
    fake_llm.answers(usage=dict.fromkeys(names, number))

    answer = client.complete(call(prices=route, model="gpt-4o-mini"))

    # LiteLLM rounds Anthropic's numbers before they are seen.
    rounded = 3 if number == 3.7 and route == "anthropic" else None
    assert (answer.tokens_in, answer.tokens_out) == (rounded, rounded)
    assert answer.cost_usd is None
    assert answer.text


@pytest.mark.fault("F44")
def test_missing_usage_is_unknown(call, fake_llm):
    fake_llm.answers(usage=None)

    answer = client.complete(call())

    assert (answer.tokens_in, answer.tokens_out) == (None, None)


PRICED = {"openai": "gpt-4o-mini", "anthropic": "claude-sonnet-4-5"}
PRICES = {"openai": "0.00075000", "anthropic": "0.01800000"}


def test_cost_is_the_price_of_what_was_used(call, fake_llm, route):
    counts = {"prompt_tokens": 1000, "completion_tokens": 1000}
    counts |= {"input_tokens": 1000, "output_tokens": 1000}
    fake_llm.answers(usage=counts)

    answer = client.complete(call(model=PRICED[route], prices=route))

    assert answer.cost_usd == Decimal(PRICES[route])


def test_cost_of_a_model_without_a_price_is_unknown(call, route):
    assert client.complete(call(model="my-own", prices=route)).cost_usd is None


@pytest.mark.fault("A-SSRF-9")
def test_keys_in_the_environment_are_never_sent(call, fake_llm, monkeypatch):
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.setenv(name, "sk-canary-environment")
    with FakeLLM() as other:
        for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE", "ANTHROPIC_API_BASE"):
            monkeypatch.setenv(name, other.address)

        client.complete(call(route="openai", address=fake_llm.address, key=""))
        client.complete(call())

        assert other.requests == []
    assert [seen.key for seen in fake_llm.requests] == ["", KEY]


@pytest.mark.fault("A-SSRF-9")
def test_importing_the_client_takes_provider_keys_out_of_the_environment():
    program = (
        "import llmconfig.client, os, sys;"
        "print([n for n in os.environ if 'CANARY' in os.environ[n]],"
        " 'litellm' in sys.modules)"
    )
    names = "OPENAI_API_KEY GROQ_API_KEY ANTHROPIC_AUTH_TOKEN AWS_SECRET_ACCESS_KEY"
    environment = dict.fromkeys(names.split(), "CANARY")

    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[] False"


@pytest.mark.fault("A-SSRF-9")
@pytest.mark.parametrize(
    "address", ["https://api.openai.com/v1", "https://api.groq.com"]
)
def test_a_call_without_a_key_is_refused_where_one_is_needed(call, address, route):
    failure = failure_of(call(address=address, key=""))

    assert (failure.kind, failure.message) == (
        "key_refused",
        "There is no key for this provider.",
    )


@pytest.mark.fault("A-SSRF-4", "F45")
def test_a_redirect_is_not_followed(call, fake_llm, settings):
    with FakeLLM() as other:
        settings.LLM_PRIVATE_HOSTS.append(("127.0.0.1", other.port))
        fake_llm.answers(mode="redirect", location=f"{other.address}/chat/completions")

        assert failure_of(call()).kind == "unreachable"

        assert other.requests == []


def test_an_address_that_is_not_listed_is_not_called(call, fake_llm, settings):
    settings.LLM_PRIVATE_HOSTS = []

    failure = failure_of(call(address=f"http://127.0.0.1:{fake_llm.port + 1}/v1"))

    assert failure.kind == "unreachable"
    assert "LLM_PRIVATE_HOSTS" in failure.message


@pytest.mark.fault("A-SEC-1")
@pytest.mark.parametrize("mode", ["echo_key", "error_event", "reset", "malformed", ""])
def test_no_log_holds_the_key_or_the_prompt(call, fake_llm, caplog, capfd, mode):
    caplog.set_level(logging.DEBUG)
    echoed = {"message": f"wrong key {KEY}: secret-prompt", "code": None}
    fake_llm.answers(mode=mode, error=echoed)
    messages = [{"role": "user", "content": "secret-prompt"}]

    with suppress(CallFailed):
        client.complete(call(messages=messages))

    printed = "".join(capfd.readouterr())
    for secret in (KEY, "secret-prompt"):
        assert secret not in caplog.text
        assert secret not in printed


def test_the_request_tells_nothing_of_this_machine(call, fake_llm):
    client.complete(call())

    headers = fake_llm.requests[0].headers
    assert headers["user-agent"] == "FORLLM"
    assert {name for name in headers if name.startswith("x-stainless")} <= {
        "x-stainless-raw-response"
    }


@pytest.mark.requirement("M-03")
def test_all_connections_go_to_the_call_s_address(call, fake_llm):
    connected = []

    def watch(event, arguments):
        if event in ("socket.connect", "socket.getaddrinfo"):
            connected.append(str(arguments))

    sys.addaudithook(watch)

    client.complete(call())

    assert all(str(fake_llm.port) in place for place in connected)


def test_calls_run_beside_one_another(call, fake_llm):
    fake_llm.always_answers(first_delay=1)
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(client.complete(call())))
        for _ in range(40)
    ]
    began = time.monotonic()

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 40
    assert time.monotonic() - began < 20  # 40 one after the other


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("Hello", 1), ("Hello, world!", 4), ("<|endoftext|>", 7)],
)
def test_count_tokens_counts(text, count):
    assert client.count_tokens(text) == count


def test_count_tokens_takes_any_text():
    assert client.count_tokens("\ud800\0" * 100) > 0
    assert client.count_tokens("a" * 40_000) > 1000
