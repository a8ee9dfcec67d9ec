"""The prompt of a receipt: one way for the worker, the preview and the test bench."""

import secrets

from accounts.models import User
from core.models import SiteSettings
from llmconfig import client
from llmconfig.models import LLMConfig
from llmqueue.handlers import Conversation
from llmqueue.prompting import prompts
from llmqueue.resolution.receipts import Instructions, ModelChoice, Receipt
from personas.models import Identity


def new_tag() -> str:
    """A name for the blocks of other people's texts that nobody knows beforehand."""
    return f"post-{secrets.token_hex(3)}"


def limits_for(choice: ModelChoice, *, is_short: bool = False) -> prompts.Limits:
    """How much of a conversation the model is shown.

    `is_short`: the model said that it was too much; it gets the least that makes sense.
    """
    config = choice.config or LLMConfig()
    return prompts.Limits(
        posts=1 if is_short else config.context_posts,
        tokens=0 if is_short else config.context_tokens,
    )


def compose(
    receipt: Receipt, conversation: Conversation, *, limits: prompts.Limits, tag: str
) -> list[prompts.Part]:
    """The parts that are sent for `receipt`, in order; see `prompts.build`."""
    identity = Identity.objects.told_to(receipt.persona, by=receipt.member)
    return prompts.build(
        site_rules=SiteSettings.load().site_rules,
        persona=receipt.persona,
        version=receipt.version,
        source=receipt.source,
        conversation=conversation,
        limits=limits,
        tag=tag,
        count=client.count_tokens,
        instructions=_given(receipt.instructions),
        identity=_presented(identity, receipt.member),
        sees=receipt.choice.sees,
    )


def _given(instructions: Instructions) -> prompts.Given | None:
    own, site = instructions.own, instructions.site
    if own is not None:
        return prompts.Given("own prompt", own.own_prompt, "own_prompt", str(own.pk))
    return prompts.Given("site prompt", site.text) if site else None


def _presented(
    identity: Identity | None, member: User | None
) -> prompts.Presented | None:
    if identity is None or member is None:
        return None
    text = f"{identity.name}\n{identity.description}".strip()
    return prompts.Presented(f"@{member.handle.name}", text, str(identity.pk))
