"""What a model's tokens cost, read without LiteLLM."""

import subprocess
import sys
from decimal import Decimal

import pytest

from llmconfig import client
from llmconfig.prices import listed_price

PRICED = {"openai": "gpt-4o-mini", "anthropic": "claude-sonnet-4-5"}


def test_the_price_is_what_a_call_costs(call, fake_llm, protocol):
    counts = {"prompt_tokens": 1234, "completion_tokens": 77}
    counts |= {"input_tokens": 1234, "output_tokens": 77}
    fake_llm.answers(usage=counts)
    model = PRICED[protocol]

    price = listed_price(prices=protocol, model=model)
    answer = client.complete(call(model=model, prices=protocol))

    assert price is not None
    assert round(price.of(1234, 77), 8) == answer.cost_usd > 0


@pytest.mark.parametrize(
    ("prices", "model"),
    [("openai", "my-own"), ("", "gpt-4o-mini"), ("anthropic", "gpt-4o-mini")],
)
def test_a_price_that_is_not_known_is_not_0(prices, model):
    assert listed_price(prices=prices, model=model) is None


def test_a_price_under_the_provider_s_name_comes_first():
    price = listed_price(prices="mistral", model="mistral-small-latest")

    assert price is not None
    assert price.of(1_000_000, 0) > Decimal("0.01")


def test_looking_up_a_price_loads_no_litellm():
    code = (
        "import sys; from llmconfig.prices import listed_price;"
        " assert listed_price(prices='openai', model='gpt-4o-mini');"
        " assert 'litellm' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
