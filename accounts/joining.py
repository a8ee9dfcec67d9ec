"""The form that makes an account."""

from typing import Any

from allauth.account.forms import SignupForm
from allauth.core import context, ratelimit

from accounts import waiting


class JoinForm(SignupForm):  # type: ignore[misc]  # allauth is untyped
    """allauth's form, which one address sends only so often.

    An account counts, and so does the answer that an address has one already. Who
    mistypes a password may go on, until the count is full: then nothing more is told.
    """

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean()
        counts = not self.errors or self.has_error("email", "email_taken")
        request = context.request
        if not ratelimit.consume(request, action="sign_up", dry_run=not counts):
            self.errors.clear()
            self.add_error(None, waiting.refused(request, "sign_ups").message)
        return values
