"""Links that sign one person in, once; for a site owner who has no password yet."""

from typing import Any

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import (
    base36_to_int,
    urlsafe_base64_decode,
    urlsafe_base64_encode,
)

from accounts.models import User


class _Tokens(PasswordResetTokenGenerator):
    """Tokens that end with the next sign-in, a new password, or SIGNIN_LINK_AGE."""

    key_salt = "accounts.signin_links"

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        # Django's own value cuts last_login to seconds; this ends the token exactly.
        last = user.last_login.isoformat() if user.last_login else ""
        return f"{super()._make_hash_value(user, timestamp)}{last}{user.is_active}"

    def check_token(self, user: Any, token: str | None) -> bool:
        if not super().check_token(user, token) or token is None:
            return False
        made = base36_to_int(token.partition("-")[0])
        age = self._num_seconds(self._now()) - made
        return bool(age <= settings.SIGNIN_LINK_AGE.total_seconds())


_tokens = _Tokens()


def signin_link(user: User) -> str:
    """A whole address that signs `user` in once, within SIGNIN_LINK_AGE."""
    key = urlsafe_base64_encode(force_bytes(user.pk))
    path = reverse("accounts:signin_link", args=[key, _tokens.make_token(user)])
    return settings.SITE_URL + path


def find_user(key: str, token: str, *, locked: bool = False) -> User | None:
    """Whose link this is, if it still holds; `locked` keeps a second use waiting."""
    users = User.objects.select_for_update() if locked else User.objects.all()
    try:
        user = users.get(pk=int(urlsafe_base64_decode(key)), is_active=True)
    except (ValueError, OverflowError, User.DoesNotExist):
        return None
    return user if _tokens.check_token(user, token) else None
