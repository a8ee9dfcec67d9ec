"""What staff can do with limits; each change is written down with before and after."""

from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services import record
from llmqueue.models import SpendLimit
from studio.errors import LimitExists


def create_limit(
    *,
    scope: str,
    key: str,
    period: str,
    requests: int | None,
    tokens: int | None,
    cost_usd: Decimal | None,
    actor: User,
) -> SpendLimit:
    """Set a limit, for what is asked from now on. Raises LimitExists."""
    try:
        with transaction.atomic():
            limit = SpendLimit.objects.create(
                scope=scope,
                key=key,
                period=period,
                requests=requests,
                tokens=tokens,
                cost_usd=cost_usd,
                made_by=actor,
            )
            _record(actor, "limit created", limit, before=None, after=_plain(limit))
    except IntegrityError:
        raise LimitExists from None
    return limit


@transaction.atomic
def change_limit(
    *,
    limit: SpendLimit,
    requests: int | None,
    tokens: int | None,
    cost_usd: Decimal | None,
    actor: User,
) -> SpendLimit:
    """Change how much it allows; what was begun under it goes on, new ones are refused."""
    given = {"requests": requests, "tokens": tokens, "cost_usd": cost_usd}
    return _change(limit, "limit changed", actor, given)


@transaction.atomic
def switch_limit(*, limit: SpendLimit, is_enabled: bool, actor: User) -> SpendLimit:
    """Let it hold or not; while it does not, nothing is counted for it."""
    action = f"limit switched_{'on' if is_enabled else 'off'}"
    return _change(limit, action, actor, {"is_enabled": is_enabled})


@transaction.atomic
def delete_limit(*, limit: SpendLimit, actor: User) -> None:
    """Delete it with what was counted for it; no other limit changes."""
    held = SpendLimit.objects.select_for_update().filter(pk=limit.pk).first()
    if held is None:  # pressed twice
        return
    # Whoever reserves or settles holds buckets and then their reservations.
    list(held.buckets.in_order().select_for_update())
    _record(actor, "limit deleted", held, before=_plain(held), after=None)
    held.delete()


def _change(
    limit: SpendLimit, action: str, actor: User, given: dict[str, Any]
) -> SpendLimit:
    held = SpendLimit.objects.select_for_update(no_key=True).get(pk=limit.pk)
    before = _plain(held)
    for name, value in given.items():
        setattr(held, name, value)
    if (after := _plain(held)) != before:
        held.save(update_fields=list(given))
        _record(actor, action, held, before=before, after=after)
    return held


def _plain(limit: SpendLimit) -> dict[str, object]:
    cost = limit.cost_usd
    return {
        "requests": limit.requests,
        "tokens": limit.tokens,
        "cost_usd": None if cost is None else f"{cost.normalize():f}",
        "is_enabled": limit.is_enabled,
    }


def _record(actor: User, action: str, limit: SpendLimit, **detail: object) -> None:
    record(
        actor=actor,
        action=action,
        subject=("limit", limit.pk),
        scope=limit.scope,
        key=limit.key,
        period=limit.period,
        **detail,
    )
