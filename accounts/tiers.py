"""What kind of member somebody is, as far as use of models goes."""

from collections.abc import Collection

from allauth.account.models import EmailAddress
from django.db import models

from accounts.models import User


class Tier(models.TextChoices):
    """Guests have none. A member's own key is no tier: it is looked at for each call."""

    SAMPLE = "sample", "Members whose address is not confirmed"
    VERIFIED = "verified", "Members with a confirmed address"
    STAFF = "staff", "Staff"


def tier_of(user: User) -> Tier:
    """The tier of a member; one query, none for staff."""
    return tiers_of([user])[user.pk]


def tiers_of(users: Collection[User]) -> dict[int, Tier]:
    """The tiers of these members by their ids; one query, none for staff alone."""
    others = [it.pk for it in users if not it.is_staff]
    confirmed: set[int] = set()
    if others:
        rows = EmailAddress.objects.filter(user__in=others, verified=True)
        confirmed = set(rows.values_list("user", flat=True))
    return {it.pk: tier_if(it, is_confirmed=it.pk in confirmed) for it in users}


def tier_if(user: User, *, is_confirmed: bool) -> Tier:
    """The tier of a member whose address is confirmed or not; without a query."""
    if user.is_staff:
        return Tier.STAFF
    return Tier.VERIFIED if is_confirmed else Tier.SAMPLE
