"""What people read about a limit: what is left, when it begins anew, why it refuses."""

from datetime import date
from decimal import Decimal

from django.conf import settings

from accounts.tiers import Tier
from llmqueue.errors import BudgetReached, LimitReached, NoPrice, Refused, SampleUsedUp
from llmqueue.limits import periods
from llmqueue.limits.fitting import Ceiling
from llmqueue.models import LimitScope, Period
from llmqueue.resolution.receipts import ModelChoice

_NOW = {Period.DAILY: "today", Period.MONTHLY: "this month", Period.TOTAL: "in all"}
_WHOSE = {
    LimitScope.SITE: "The whole site has",
    LimitScope.PERSONA: "This persona has",
    LimitScope.CONFIG: "This model has",
    LimitScope.PLACE: "This subforum has",
}


def dollars(usd: Decimal) -> str:
    """An amount of money, to the cent; what is less, to its first two figures."""
    if not usd or usd >= Decimal("0.1"):
        return f"${usd:,.2f}"
    return f"${usd.quantize(Decimal(1).scaleb(usd.adjusted() - 1)):f}"


def now(period: str) -> str:
    """Today, this month, or in all."""
    return _NOW[Period(period)]


def begins_anew(period: str, day: date) -> str:
    """When the period of `day` is over, as a sentence; blank: never."""
    end = periods.end_of(period, day)
    if end is None:
        return ""
    return f"It begins anew on {end:%-d %B} at 00:00 ({settings.TIME_ZONE})."


def is_sample(ceiling: Ceiling) -> bool:
    """Whether it is for members whose address is not confirmed."""
    limit = ceiling.limit
    return limit is not None and (limit.scope, limit.key) == (
        LimitScope.TIER,
        Tier.SAMPLE,
    )


def refusal_of(ceiling: Ceiling, kind: str, day: date) -> LimitReached:
    """Why there is no room in `ceiling` for more of `kind`: requests, tokens or cost_usd."""
    if ceiling.limit is None:
        return BudgetReached(_budget_text(ceiling, kind, day))
    if is_sample(ceiling):
        return SampleUsedUp(_sample_text(ceiling, kind, day))
    return LimitReached(_limit_text(ceiling, kind, day))


def no_price(choice: ModelChoice, ceiling: Ceiling) -> Refused:
    """Why a model without a price is not asked under a limit on costs."""
    whose = "your own budget limits" if ceiling.limit is None else "a limit is set on"
    return NoPrice(
        f"What {choice} costs is not known here, and {whose} costs. Staff can enter its"
        " price; another model may have one."
    )


def _budget_text(ceiling: Ceiling, kind: str, day: date) -> str:
    what = "of" if kind == "requests" else "has no room for what this could cost:"
    most = _amount(ceiling, kind)
    text = f"Your own budget {what} {most} {now(ceiling.period)}"
    text += " is used up." if kind == "requests" else "."
    anew = begins_anew(ceiling.period, day)
    return f"{text} {anew}".strip() + " You can change it in Settings › Models."


def _sample_text(ceiling: Ceiling, kind: str, day: date) -> str:
    most, period = _amount(ceiling, kind), now(ceiling.period)
    return (
        f"You have used the {most} {period} that are there to try the site with."
        " Confirm your address in Settings › Email to go on."
    )


def _limit_text(ceiling: Ceiling, kind: str, day: date) -> str:
    limit = ceiling.limit
    whose = _WHOSE.get(LimitScope(limit.scope)) if limit else None
    if whose is None:  # the member's own, so its size is theirs to know
        room = f"your limit of {_amount(ceiling, kind)} {now(ceiling.period)}"
        text = f"There is no room left in {room}."
    else:
        text = f"{whose} used what it may {now(ceiling.period)}."
    return f"{text} {begins_anew(ceiling.period, day)}".strip()


def _amount(ceiling: Ceiling, kind: str) -> str:
    return amount(getattr(ceiling, kind), kind)


def amount(value: int | Decimal, kind: str) -> str:
    """So many requests or tokens, or so much money."""
    if kind == "cost_usd":
        return dollars(Decimal(value))
    word = kind if value != 1 else kind.removesuffix("s")
    return f"{value:,} {word}"
