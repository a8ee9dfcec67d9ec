"""Who is signed in, read together with the handle that every page shows."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend

from accounts.models import User


class MemberBackend(AuthenticationBackend):  # type: ignore[misc]
    """Signs members in by email and password, as allauth does."""

    def get_user(self, user_id: Any) -> User | None:
        """The member of a session, None when there is none or they are not active."""
        user = User.objects.select_related("handle").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None
