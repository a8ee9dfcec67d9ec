"""What tests of limits look at."""

from decimal import Decimal

from accounts.models import User
from llmqueue import services
from llmqueue.handlers import Inputs
from llmqueue.invariants import check_queue
from llmqueue.models import LLMRequest, SpendBucket, SpendLimit
from tests.fake_llm import Reply

PLACE = ("subforum", "1")


def ask(member: User, **chosen) -> LLMRequest:
    """Queue a request of the kind `note` as an app does."""
    inputs = Inputs(member=member, **chosen)
    return services.enqueue(kind="note", inputs=inputs, place=PLACE)


def limit(scope: str = "site", key: str = "", period: str = "daily", **amounts):
    """Set a limit, in the place of one that there is from the start."""
    SpendLimit.objects.filter(scope=scope, key=key, period=period).delete()
    return SpendLimit.objects.create(scope=scope, key=key, period=period, **amounts)


def taken(of: SpendLimit) -> dict[str, int | Decimal]:
    """What is used and reserved of the only bucket of a limit, without the zeros."""
    bucket = SpendBucket.objects.get(limit=of)
    names = [f"{state}_{it}" for state in ("used", "reserved") for it in KINDS]
    return {it: getattr(bucket, it) for it in names if getattr(bucket, it)}


KINDS = ("requests", "tokens", "usd")


def broken() -> list[str]:
    """The promises of the queue that are broken."""
    return [str(it) for it in check_queue()]


def reply_of(tokens: int) -> Reply:
    """The provider's answer, with what it says that it used."""
    usage = {"prompt_tokens": 7, "completion_tokens": tokens}
    return Reply(text="Two hours.", usage=usage)
