"""The prompt of a persona on trial as it would be sent, and what it would cost."""

from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from accounts.models import User
from forum.models import Post
from llmconfig.models import Endpoint, LLMConfig
from llmconfig.services.prices import price_of
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs, OnTrial
from llmqueue.prompting import composing, prompts
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.prompt_ladder import resolve_prompt
from llmqueue.resolution.receipts import ModelChoice, Receipt
from llmqueue.resolution.resolving import resolve
from studio.bench.conversations import conversation_of


@dataclass(frozen=True)
class Preview:
    """A prompt, part by part, and the receipt it would be sent with.

    `why_not`: no model would answer; the prompt is that for a model without limits set.
    """

    parts: list[prompts.Part]
    receipt: Receipt
    why_not: str = ""

    @property
    def tokens(self) -> int:
        return sum(part.tokens for part in self.parts)


@dataclass(frozen=True)
class Estimate:
    """What asking one model would use; None is not known, or without a limit.

    `is_free`: it costs nothing, however much it uses.
    """

    preview: Preview
    most_tokens_out: int | None
    in_usd: Decimal | None
    most_usd: Decimal | None
    is_free: bool


def preview(
    on_trial: OnTrial,
    *,
    viewer: User,
    post: Post | None,
    sample: str,
    config: LLMConfig | None = None,
) -> Preview:
    """What a worker would send if `viewer` asked now; nothing is stored.

    `post` has its author, topic and subforum joined; without one the `sample` is asked.
    `config` None leaves the model to the resolution order.
    """
    inputs = Inputs(
        member=viewer,
        persona=on_trial.version.persona,
        config=config,
        place_profile=post.topic.subforum.profile if post else None,
        on_trial=on_trial,
        pictures=post.images_count if post else 0,
    )
    why_not = ""
    try:
        receipt = resolve(inputs)
    except Refused as refusal:
        receipt, why_not = _without_model(inputs, on_trial), refusal.message
    limits = composing.limits_for(receipt.choice)
    conversation = conversation_of(
        post=post, sample=sample, asker=viewer, most_passages=limits.posts
    )
    tag = composing.new_tag()
    parts = composing.compose(receipt, conversation, limits=limits, tag=tag)
    return Preview(parts, receipt, why_not)


def estimate(
    on_trial: OnTrial,
    *,
    viewer: User,
    post: Post | None,
    sample: str,
    config: LLMConfig,
) -> Estimate:
    """What asking `config` would use and cost at the most, as far as that is known."""
    shown = preview(on_trial, viewer=viewer, post=post, sample=sample, config=config)
    if shown.why_not:
        return Estimate(shown, None, None, None, is_free=False)
    # Not `config` itself: staff may have let another answer in its place.
    choice = shown.receipt.choice
    price = price_of(endpoint=choice.endpoint, model=choice.model)
    most = choice.config.max_tokens if choice.config else None
    return Estimate(
        preview=shown,
        most_tokens_out=most,
        in_usd=_rounded(price.of(shown.tokens, 0)) if price else None,
        most_usd=_rounded(price.of(shown.tokens, most)) if price and most else None,
        is_free=price is not None and price.is_free,
    )


def _rounded(usd: Decimal) -> Decimal:
    """To a hundredth of a cent, never down."""
    return usd.quantize(Decimal("0.0001"), ROUND_UP)


def _without_model(inputs: Inputs, on_trial: OnTrial) -> Receipt:
    """What a prompt is composed by while there is no model to send it to."""
    version = on_trial.version
    instructions, steps = resolve_prompt(
        inputs, version.persona, version, Lookups([inputs])
    )
    return Receipt(
        persona=version.persona,
        version=version,
        choice=ModelChoice(Endpoint(), ""),
        persona_steps=(),
        config_steps=(),
        prompt_steps=steps,
        key_steps=(),
        source=on_trial.source,
        member=inputs.member,
        instructions=instructions,
    )
