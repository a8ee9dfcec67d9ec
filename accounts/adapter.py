"""How allauth makes our members."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.shortcuts import render

from accounts import waiting
from accounts.models import User
from core import services as core
from core.addresses import address_of
from core.errors import HandleRefused
from core.models import SiteSettings


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    """Gives new members the handle they chose, mails the site's name, believes no header."""

    def format_email_subject(self, subject: str) -> str:
        return f"{SiteSettings.load().site_name}: {subject}"

    def render_mail(
        self, template_prefix: str, email: Any, context: dict[str, Any], *args: Any
    ) -> EmailMessage:
        # allauth would name the host that the request came to, and lead there: whoever
        # asks for a member's new password says which, the port at least.
        site = {"name": SiteSettings.load().site_name, "domain": settings.SITE_URL}
        links = {name: _at_home(it) for name, it in context.items() if _is_link(it)}
        context = context | links | {"current_site": site}
        mail: EmailMessage = super().render_mail(template_prefix, email, context, *args)
        return mail

    def is_safe_url(self, url: str) -> bool:
        try:
            return bool(super().is_safe_url(url))
        except ValueError:  # an address that cannot be one, such as `http://[::1`
            return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return address_of(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:  # too many failures; the form says so
            waiting.refused(request, "sign_ins", "account_sign_ins")
            raise

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


def _is_link(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def _at_home(link: str) -> str:
    """`link`, an address of ours, at the place where the site says it is."""
    return settings.SITE_URL + urlunsplit(("", "", *urlsplit(link)[2:]))
