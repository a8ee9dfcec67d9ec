"""Amounts that no honest provider or config has: nothing overflows, nothing is stuck."""

from decimal import Decimal

import pytest

from llmconfig.models import ModelPrice
from llmqueue.models import LLMRequest, SpendBucket, Status
from llmqueue.tests.conftest import run_until_quiet
from llmqueue.tests.limits import ask, broken, limit
from tests.fake_llm import Reply

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("note_handler", "fake_config"),
    pytest.mark.fault("F44"),
    pytest.mark.requirement("M-15"),
]

# The highest that fits a config's column, and the highest price that staff can enter.
MOST_TOKENS = 2**31 - 1
MOST_PRICE = Decimal(100_000)


@pytest.fixture
def dear(fake_config):
    return ModelPrice.objects.create(
        endpoint=fake_config.endpoint,
        model=fake_config.model,
        in_usd=MOST_PRICE,
        out_usd=MOST_PRICE,
    )


def test_a_reply_too_long_for_any_limit_on_costs_is_refused_at_once(
    alice, dear, fake_config, fake_llm
):
    fake_config.max_tokens = MOST_TOKENS
    fake_config.save()
    limit(cost_usd=Decimal(5))
    request = ask(alice)

    run_until_quiet()

    request.refresh_from_db()
    assert (request.status, request.error_class) == (Status.ERROR, "limit_reached")
    assert fake_llm.calls() == []
    assert broken() == []


def test_a_limit_on_tokens_alone_counts_any_price(alice, dear, fake_config, fake_llm):
    fake_config.max_tokens = MOST_TOKENS
    fake_config.save()
    limit(tokens=10**12)
    requests = [ask(alice) for _ in range(3)]

    run_until_quiet()

    found = LLMRequest.objects.filter(pk__in=[it.pk for it in requests])
    assert {it.status for it in found} == {Status.COMPLETE}
    assert len(fake_llm.calls()) == 3
    assert broken() == []


def test_what_providers_say_was_used_can_be_added_up(alice, dear, fake_llm):
    """Each call less than a call can cost, all of them together more than a million."""
    used = {"prompt_tokens": 9_000_000, "completion_tokens": 900_000}
    fake_llm.answers_by(lambda seen: Reply(text="Fine.", usage=used))
    made = limit(tokens=10**12)
    for _ in range(3):
        ask(alice)

    run_until_quiet()

    assert LLMRequest.objects.filter(status=Status.COMPLETE).count() == 3
    [bucket] = SpendBucket.objects.filter(limit=made)
    assert bucket.used_usd == 3 * Decimal(990_000)
    assert broken() == []
