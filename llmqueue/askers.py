"""Whoever asks: whether they are still there and want AI, the same for every kind."""

from accounts.models import User
from llmconfig.models import AISettings
from llmconfig.services.members import ai_settings_of
from llmqueue.errors import Refused


def wants_ai(member: User) -> bool:
    """Whether the member has AI switched on for themselves."""
    return not AISettings.objects.filter(user=member, ai_enabled=False).exists()


def wanted_ai(member: User) -> bool:
    """The same, as it was when the member was read for this page."""
    return ai_settings_of(member).ai_enabled


def check_asker(member: User | None) -> None:
    """Raise Refused unless a model may be called for `member`, as they are this moment."""
    if member is not None:
        member.refresh_from_db(fields=["is_active", "is_staff", "is_superuser"])
    _check(member, wants_it=member is not None and wants_ai(member))


def check_joined_asker(member: User | None) -> None:
    """The same by a row of `history.with_answers`, without a query."""
    _check(member, wants_it=member is not None and wanted_ai(member))


def _check(member: User | None, *, wants_it: bool) -> None:
    if member is None or not member.is_active:
        raise Refused("gone", "Whoever asked is no longer a member here.")
    if not wants_it:
        raise Refused("ai_off")
