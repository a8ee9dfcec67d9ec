"""Who is signed in, read together with what every page shows or asks of them."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings

from accounts.models import User


class MemberBackend(AuthenticationBackend):  # type: ignore[misc]
    """Signs members in by email and password, as allauth does."""

    def get_user(self, user_id: Any) -> User | None:
        """The member of a session, None when there is none or they are not active."""
        members = User.objects.select_related(*settings.MEMBER_JOINS)
        user = members.filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None
