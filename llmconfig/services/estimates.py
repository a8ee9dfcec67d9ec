"""What a reply of a config costs about, said before anybody asks for one."""

from collections.abc import Sequence
from decimal import ROUND_UP, Decimal
from uuid import UUID

from llmconfig.models import LLMConfig, ModelPrice
from llmconfig.prices import listed_price

# What a prompt holds besides earlier posts, and mostly a reply whose length nobody set.
PROMPT_TOKENS = 500
USUAL_REPLY_TOKENS = 500


def costs_of_replies(configs: Sequence[LLMConfig]) -> dict[UUID, Decimal | None]:
    """In US dollars, to a hundredth of a cent, never down; None: no price is known.

    At most one query; of configs read with their endpoints.
    """
    rows = ModelPrice.objects.filter(endpoint__in={it.endpoint_id for it in configs})
    entered = {(it.endpoint_id, it.model.lower()): it.price for it in rows}
    costs: dict[UUID, Decimal | None] = {}
    for config in configs:
        price = entered.get((config.endpoint_id, config.model.lower()))
        price = price or listed_price(
            prices=config.endpoint.kind.prices, model=config.model
        )
        tokens_in = PROMPT_TOKENS + config.context_tokens
        costs[config.pk] = None
        if price is not None:
            usd = price.of(tokens_in, config.max_tokens or USUAL_REPLY_TOKENS)
            costs[config.pk] = usd.quantize(Decimal("0.0001"), ROUND_UP)
    return costs
