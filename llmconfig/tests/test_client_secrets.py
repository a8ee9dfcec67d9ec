"""No call tells a key, a prompt or this machine to anybody it is not meant for."""

import logging
import os
import subprocess
import sys
from contextlib import suppress

import pytest

from llmconfig import client
from llmconfig.client import CallFailed
from llmconfig.tests.calling import KEY, failure_of
from tests.fake_llm import FakeLLM


@pytest.mark.fault("A-SSRF-9")
def test_keys_in_the_environment_are_never_sent(call, fake_llm, monkeypatch):
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.setenv(name, "sk-canary-environment")
    with FakeLLM() as other:
        for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE", "ANTHROPIC_API_BASE"):
            monkeypatch.setenv(name, other.address)

        client.complete(call(protocol="openai", address=fake_llm.address, key=""))
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
    names = (
        "OPENAI_API_KEY GROQ_API_KEY ANTHROPIC_AUTH_TOKEN AWS_SECRET_ACCESS_KEY"
        " AZURE_CLIENT_ID SOME_API_KEYS FRIENDLI_TOKEN"
    )
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
def test_a_call_without_a_key_is_refused_where_one_is_needed(call, address, protocol):
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
