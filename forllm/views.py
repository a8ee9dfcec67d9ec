"""What the site says about its own state."""

import sys

from django.db import Error, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.views.defaults import server_error as own_fault

from accounts import waiting
from forllm.rate_limits import refuse

RETRY_AFTER_SECONDS = 10
_NOT_FOR_ROBOTS = (
    "/settings/",
    "/admin/",
    "/queue/",
    "/asks/",
    "/notices/",
    "/posts/",
    "/live/",
    "/s/*/who/",
    "/t/*/who/",
    "/accounts/",
    "/signin/",
)


def healthz(request: HttpRequest) -> HttpResponse:
    """200 while this process answers and its database does, else 503."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return HttpResponse("no database\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")


def robots(request: HttpRequest) -> HttpResponse:
    """Search engines may read the forum, and leave alone what is for one member."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in _NOT_FOR_ROBOTS)]
    return HttpResponse("\n".join([*lines, ""]), content_type="text/plain")


def favicon(request: HttpRequest) -> HttpResponse:
    """For programs that ask without reading a page, which names the icon."""
    return redirect(static("icon.svg"))


def too_many(request: HttpRequest) -> HttpResponseBase:
    """What allauth shows instead of a page of its own when it was called too often."""
    name = request.resolver_match.url_name if request.resolver_match else ""
    rule = {"account_signup": "sign_ups", "account_reset_password": "resets"}
    return refuse(request, waiting.refused(request, rule.get(name or "", "sign_ins")))


def server_error(request: HttpRequest) -> HttpResponse:
    """503 while the database is away, else 500; neither page asks the database.

    Django calls it for what views and middleware let through, while that is handled.
    """
    if not isinstance(sys.exception(), (OperationalError, InterfaceError)):
        return own_fault(request)
    page = render_to_string("503.html")
    return HttpResponse(page, status=503, headers={"Retry-After": RETRY_AFTER_SECONDS})
