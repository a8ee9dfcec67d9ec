"""What a member may spend by their own will."""

from decimal import Decimal

from django.db import transaction

from accounts.models import User
from llmconfig.models import AISettings


@transaction.atomic
def set_budget(
    *, member: User, usd: Decimal | None, requests: int | None, period: str
) -> AISettings:
    """Set the member's own budget, from the next call on; None: that is not limited."""
    own, _ = AISettings.objects.select_for_update(no_key=True).get_or_create(
        user=member
    )
    own.budget_usd, own.budget_requests, own.budget_period = usd, requests, period
    own.save(update_fields=["budget_usd", "budget_requests", "budget_period"])
    return own
