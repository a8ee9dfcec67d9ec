"""The forms that make an account and that let a member in."""

from typing import Any

from allauth.account import forms
from allauth.core import context, ratelimit
from django.utils.text import capfirst

from accounts import waiting


class _Plain:
    """allauth's form with labels in our spelling, and nothing said twice."""

    fields: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if field.label:
                field.label = capfirst(str(field.label).lower())
            field.widget.attrs.pop("placeholder", None)


class JoinForm(_Plain, forms.SignupForm):  # type: ignore[misc]
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


class SignInForm(_Plain, forms.LoginForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["remember"].label = "Stay signed in on this device"


class AddressForm(_Plain, forms.AddEmailForm):  # type: ignore[misc]
    pass


class PasswordForm(_Plain, forms.ChangePasswordForm):  # type: ignore[misc]
    pass


class FirstPasswordForm(_Plain, forms.SetPasswordForm):  # type: ignore[misc]
    pass


class ForgottenForm(_Plain, forms.ResetPasswordForm):  # type: ignore[misc]
    pass


class NewPasswordForm(_Plain, forms.ResetPasswordKeyForm):  # type: ignore[misc]
    pass
