"""How allauth makes our members."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.db import IntegrityError, transaction
from django.shortcuts import render

from accounts.models import User
from core import services as core
from core.errors import HandleRefused


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    """Gives every new member the handle they chose."""

    def is_safe_url(self, url: str) -> bool:
        try:
            return bool(super().is_safe_url(url))
        except ValueError:  # an address that cannot be one, such as `http://[::1`
            return False

    def save_user(
        self, request: Any, user: User, form: Any, commit: bool = True
    ) -> User:
        try:
            with transaction.atomic():
                user.handle = core.claim_handle(name=form.cleaned_data["handle"])
                saved: User = super().save_user(request, user, form, commit)
                return saved
        # The form has checked both names; somebody else took one in the meantime.
        except HandleRefused as refusal:
            form.add_error("handle", refusal.message)
        except IntegrityError:
            form.add_error(None, "That did not work. Please try again.")
        page = render(request, "account/signup.html", {"form": form}, status=422)
        raise ImmediateHttpResponse(page)
