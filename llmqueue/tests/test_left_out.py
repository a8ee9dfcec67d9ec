"""Which parameters a provider gets, and what the receipt says of the others."""

import pytest

from llmconfig.providers import PROVIDERS
from llmconfig.services.keys import encrypt_site_key
from llmqueue.models import LLMAttempt
from llmqueue.tests.limits import ask
from llmqueue.work import runner

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note_handler")]

ALL = {
    "temperature": 0.0,
    "top_p": 0.9,
    "top_k": 0,
    "frequency_penalty": -0.5,
    "presence_penalty": 0.0,
    "repetition_penalty": 1.1,
    "max_tokens": 9,
}
EXTRAS = {"top_k", "repetition_penalty"}
LEFT_OUT = {
    "openai": EXTRAS,
    "anthropic": {"frequency_penalty", "presence_penalty", "repetition_penalty"},
    "google": EXTRAS,
    "groq": EXTRAS,
    "openrouter": set(),
    "mistral": EXTRAS,
    "deepseek": EXTRAS,
    "ollama": EXTRAS,
    "tgi": EXTRAS,
    "compatible": set(),
    "demo": set(),
}


@pytest.fixture
def asked(alice, fake_config, fake_llm):
    """Have the model of `provider` asked with these parameters; its receipt and the call."""

    def ask_it(provider: str, **parameters):
        endpoint = fake_config.endpoint
        endpoint.provider = provider
        if endpoint.kind.protocol == "anthropic":
            endpoint.api_base = fake_llm.root
        endpoint.site_key = encrypt_site_key("sk-site", address=endpoint.address)
        endpoint.save()
        for name, value in parameters.items():
            setattr(fake_config, name, value)
        fake_config.save()
        ask(alice)
        runner.run_next()
        [call] = fake_llm.calls()
        return LLMAttempt.objects.get(), call.body

    return ask_it


@pytest.mark.requirement("R-13", "O-65", "O-24")
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_receipt_says_what_was_sent_and_what_was_left_out(asked, provider):
    attempt, body = asked(provider, **ALL)

    seen = {name: body[name] for name in ALL if name in body}
    assert attempt.receipt["parameters"] == seen
    assert attempt.receipt["parameters"] | attempt.receipt["left_out"] == ALL
    assert set(attempt.receipt["left_out"]) == LEFT_OUT[provider]


@pytest.mark.requirement("R-13", "O-24")
def test_what_is_not_set_is_neither_sent_nor_left_out(asked):
    attempt, body = asked("openai")

    assert not set(ALL) & set(body)
    assert attempt.receipt["parameters"] == attempt.receipt["left_out"] == {}


@pytest.mark.requirement("R-13")
def test_the_page_of_a_request_says_what_was_left_out(asked, client, alice):
    attempt, _ = asked("anthropic", temperature=0.5, frequency_penalty=0.25)
    client.force_login(alice)

    page = client.get(attempt.request.get_absolute_url()).text

    assert "<dd>at most 4096 tokens, temperature 0.5</dd>" in page
    assert "frequency penalty 0.25: fake-1 at Fake takes none" in page


def test_the_page_of_an_older_request_says_nothing_of_it(asked, client, alice):
    attempt, _ = asked("anthropic", frequency_penalty=0.25)
    del attempt.receipt["left_out"]
    attempt.save()
    client.force_login(alice)

    page = client.get(attempt.request.get_absolute_url()).text

    assert "Left out" not in page
