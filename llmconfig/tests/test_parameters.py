"""What is sent beside the text is what is said to be sent, whatever LiteLLM thinks of it."""

from datetime import timedelta

import pytest

from llmconfig import client
from llmconfig.client import Call
from llmconfig.parameters import sent_parameters
from llmconfig.prices import listed_model
from llmconfig.providers import PROVIDERS
from llmconfig.sampling import PARAMETERS
from llmconfig.taken import split, untaken

ALL = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 3,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
    "repetition_penalty": 1.1,
    "max_tokens": 9,
}
CHOICE = {"temperature", "top_p", "top_k"}
PENALTIES = {"frequency_penalty", "presence_penalty", "repetition_penalty"}


def seen_in(body) -> dict[str, float]:
    """The parameters of a call as the provider got it."""
    limit = {"max_completion_tokens": "max_tokens"}
    named = {limit.get(name, name): value for name, value in body.items()}
    return {name: named[name] for name in ALL if name in named}


@pytest.mark.parametrize(
    ("address", "is_sent"),
    [
        ("https://api.openai.com/v1", False),
        ("https://API.Groq.com/openai/v1", False),
        ("https://openrouter.ai/api/v1", True),
        ("https://llm.example.com/v1", True),
        ("http://127.0.0.1:11434/v1", True),  # whatever it is that listens there
    ],
)
def test_parameters_beyond_openai_s_go_to_who_takes_them(address, is_sent):
    call = Call(
        protocol="openai",
        address=address,
        model="m",
        key="k",
        parameters={"top_k": 3, "top_p": 0.5},
        messages=[],
        deadline=timedelta(seconds=1),
    )

    sent = sent_parameters(call)["extra_body"]

    assert sent["top_p"] == 0.5
    assert ("top_k" in sent) is is_sent


@pytest.mark.requirement("R-13", "O-24", "O-65")
@pytest.mark.parametrize("name", [it.name for it in PARAMETERS])
@pytest.mark.parametrize("value", [None, 0, 1])
def test_nothing_is_not_sent_and_nought_is(call, fake_llm, protocol, name, value):
    kind = PROVIDERS["compatible" if protocol == "openai" else protocol]
    is_taken = name not in untaken(kind=kind, address="", model="fake-1")

    client.complete(call(parameters={name: value}))

    seen = fake_llm.requests[0].body
    if is_taken and value is not None:
        assert seen[name] == value
    elif name == "max_tokens" and protocol == "anthropic":
        assert seen[name] == 4096  # it takes no call without one
    else:
        assert name not in seen


@pytest.mark.requirement("R-13", "O-65")
@pytest.mark.parametrize(
    ("protocol", "provider", "model", "refused"),
    [
        ("openai", "openai", "gpt-4o", set()),
        ("openai", "openai", "gpt-4o-search-preview", set()),
        ("openai", "openai", "gpt-5-chat-latest", set()),
        ("openai", "openai", "o3-mini", CHOICE | PENALTIES),
        ("openai", "openai", "gpt-5-mini", CHOICE | PENALTIES),
        ("openai", "openai", "gpt-5.1", PENALTIES),
        ("openai", "openai", "gpt-6.1-sol", CHOICE | PENALTIES),
        ("openai", "openrouter", "openai/gpt-5", CHOICE | PENALTIES),
        ("openai", "compatible", "o3", CHOICE | PENALTIES),
        ("openai", "compatible", "gpt-oss-20b", set()),
        ("openai", "google", "gemini-2.5-flash", set()),
        ("openai", "google", "gemini-3.6-flash", CHOICE),
        ("anthropic", "anthropic", "claude-sonnet-4-5", set()),
        ("anthropic", "anthropic", "claude-opus-4-7", CHOICE),
        ("anthropic", "anthropic", "claude-opus-4.7", CHOICE),
        ("anthropic", "anthropic", "claude-opus-4-8-20270101", CHOICE),
        ("anthropic", "anthropic", "claude-fable-9", CHOICE),
        ("anthropic", "anthropic", "claude-of-tomorrow", set()),
    ],
    indirect=["protocol"],
)
def test_a_model_gets_what_it_takes_and_the_rest_is_said_to_be_left_out(
    call, fake_llm, protocol, provider, model, refused
):
    kind = PROVIDERS[provider]
    parts = split(ALL, kind=kind, address="", model=model)

    client.complete(call(model=model, parameters=parts.sent))

    assert seen_in(fake_llm.requests[0].body) == parts.sent
    assert parts.sent | parts.left_out == ALL
    everywhere = {it.name for it in PARAMETERS if protocol in it.protocols}
    assert set(parts.sent) & everywhere == everywhere - refused


@pytest.mark.requirement("R-13", "O-65")
@pytest.mark.parametrize("protocol", ["anthropic"], indirect=True)
def test_litellm_leaves_out_no_more_of_a_claude_model_than_is_said(call, fake_llm):
    from litellm import anthropic_models  # noqa: TID251  # those it knows

    kind, said, seen = PROVIDERS["anthropic"], {}, {}

    for model in sorted(anthropic_models):
        said[model] = split(ALL, kind=kind, address="", model=model).sent
        client.complete(call(model=model, parameters=said[model]))
        seen[model] = seen_in(fake_llm.requests[-1].body)

    assert seen == said
    assert len(said) > 10


def test_what_is_known_of_a_model_comes_from_the_table():
    claude = listed_model(prices="anthropic", model="claude-opus-4-7")
    gpt = listed_model(prices="openai", model="gpt-5.1")

    assert claude.is_without_sampling
    assert claude.price is not None
    assert gpt.default_effort == "none"
    assert listed_model(prices="openai", model="of-tomorrow") is None
