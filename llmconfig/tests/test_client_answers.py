"""What an answer is taken for: its end, its text, its usage, its price."""

from decimal import Decimal

import pytest

from llmconfig import client


@pytest.mark.fault("F41")
@pytest.mark.parametrize("text", ["", "Some text."])
def test_a_filtered_answer_comes_back_as_one(call, fake_llm, text):
    fake_llm.answers(text, finish_reason="content_filter")

    answer = client.complete(call())

    assert (answer.text, answer.finish_reason) == (text, "content_filter")


@pytest.mark.fault("F41")
@pytest.mark.parametrize("protocol", ["openai"], indirect=True)
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


@pytest.mark.parametrize("protocol", ["openai"], indirect=True)
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
def test_usage_that_cannot_be_true_is_unknown(call, fake_llm, number, protocol):
    names = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens")
    fake_llm.answers(usage=dict.fromkeys(names, number))

    answer = client.complete(call(prices=protocol, model="gpt-4o-mini"))

    # LiteLLM rounds Anthropic's numbers before they are seen.
    rounded = 3 if number == 3.7 and protocol == "anthropic" else None
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


def test_cost_is_the_price_of_what_was_used(call, fake_llm, protocol):
    counts = {"prompt_tokens": 1000, "completion_tokens": 1000}
    counts |= {"input_tokens": 1000, "output_tokens": 1000}
    fake_llm.answers(usage=counts)

    answer = client.complete(call(model=PRICED[protocol], prices=protocol))

    assert answer.cost_usd == Decimal(PRICES[protocol])


def test_cost_of_a_model_without_a_price_is_unknown(call, protocol):
    assert client.complete(call(model="my-own", prices=protocol)).cost_usd is None
