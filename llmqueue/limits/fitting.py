"""Which limits a request has to pass: all that fit it, and the member's own budget."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from accounts.models import User
from accounts.tiers import Tier, tier_of
from llmconfig.models import AISettings
from llmconfig.services.members import ai_settings_of
from llmqueue.models import LimitScope, LLMRequest, SpendLimit
from llmqueue.resolution.receipts import Receipt

# In the place of a tier: for each member, what they ask on a key of their own.
OWN_KEY = "own_key"

# What a limit may limit, by the names of its fields.
KINDS = ("requests", "tokens", "cost_usd")

type Pair = tuple[str, str]


@dataclass(frozen=True)
class Ceiling:
    """A limit, or a member's own budget (`limit` None), as it holds for one request.

    An amount of None is not limited. `subject`: see `SpendBucket`.
    """

    limit: SpendLimit | None
    budget_of: int | None
    subject: str
    period: str
    requests: int | None
    tokens: int | None
    cost_usd: Decimal | None

    @property
    def order(self) -> tuple[int, int]:
        """Where it stands among those of one request, by `SpendBucket`'s order of locks."""
        return (self.limit.pk if self.limit else 0, self.budget_of or 0)


def limit_key_of(kind: str, key: str) -> str:
    """What a limit calls a place that requests call (kind, key)."""
    return f"{kind}:{key}"


def at_asking(
    *, member: User | None, place: Pair, on_own_key: bool = False
) -> list[Ceiling]:
    """What holds before it is known who answers, in the order of locks; held."""
    return _held(_pairs(member, place, on_own_key=on_own_key), member)


def at_call(request: LLMRequest, receipt: Receipt) -> list[Ceiling]:
    """What holds for a call about to be made, in the order of locks; held."""
    member, on_own_key = receipt.member, receipt.key_owner is not None
    place = (request.place_kind, request.place_key)
    pairs = _pairs(member, place, on_own_key=on_own_key)
    if not on_own_key:
        pairs.append((LimitScope.PERSONA, str(receipt.persona.pk)))
        if receipt.choice.config is not None:
            pairs.append((LimitScope.CONFIG, str(receipt.choice.config.pk)))
    return _held(pairs, member)


def for_page(
    *, member: User, tier: Tier, place: Pair, on_own_key: bool
) -> list[Ceiling]:
    """What would hold for `member` at asking; the budget as it was read with them."""
    pairs = _pairs(member, place, on_own_key=on_own_key, tier=tier)
    return _ceilings(SpendLimit.objects.fitting(pairs), member, ai_settings_of(member))


def _pairs(
    member: User | None, place: Pair, *, on_own_key: bool, tier: Tier | None = None
) -> list[Pair]:
    if on_own_key:
        return [(LimitScope.TIER, OWN_KEY)]
    pairs: list[Pair] = [
        (LimitScope.SITE, ""),
        (LimitScope.PLACE, limit_key_of(*place)),
    ]
    if member is not None:
        pairs.append((LimitScope.TIER, tier or tier_of(member)))
        pairs.append((LimitScope.MEMBER, str(member.pk)))
    return pairs


def _held(pairs: Iterable[Pair], member: User | None) -> list[Ceiling]:
    """As they are this moment; no limit is deleted before the transaction has ended."""
    own = AISettings.objects.filter(user=member).first() if member else None
    return _ceilings(SpendLimit.objects.held_for(pairs), member, own)


def _ceilings(
    limits: Iterable[SpendLimit], member: User | None, own: AISettings | None
) -> list[Ceiling]:
    ceilings = [_of_limit(it, member) for it in limits]
    if own is not None and (budget := _budget(own)):
        ceilings.append(budget)
    return sorted(ceilings, key=lambda it: it.order)


def _of_limit(limit: SpendLimit, member: User | None) -> Ceiling:
    is_each = limit.scope == LimitScope.TIER and member is not None
    return Ceiling(
        limit=limit,
        budget_of=None,
        subject=str(member.pk) if is_each and member else "",
        period=limit.period,
        requests=limit.requests,
        tokens=limit.tokens,
        cost_usd=limit.cost_usd,
    )


def _budget(own: AISettings) -> Ceiling | None:
    """What a member set for themselves; None: no budget."""
    if own.budget_usd is None and own.budget_requests is None:
        return None
    return Ceiling(
        limit=None,
        budget_of=own.user_id,
        subject="",
        period=own.budget_period,
        requests=own.budget_requests,
        tokens=None,
        cost_usd=own.budget_usd,
    )
