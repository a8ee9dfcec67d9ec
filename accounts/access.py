"""Who may come in: guests are sent to sign in and brought back."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from accounts.models import User
from core.pieces import is_piece


class PageRequest(HttpRequest):
    """A request as our middleware leaves it."""

    htmx: HtmxDetails


class MemberRequest(PageRequest):
    """A request by somebody signed in."""

    user: User


SIGNED_OUT = "you are signed out. Sign in in another tab, then send it again."
NOTHING_SENT = (
    "You were signed out, so nothing was sent. If you wrote something, go back in your"
    " browser and copy it before you sign in."
)

type View[R: HttpRequest, **P] = Callable[Concatenate[R, P], HttpResponseBase]


def member_required[**P](view: View[MemberRequest, P]) -> View[HttpRequest, P]:
    """Let members in; send guests to sign in, and from there back to this page."""

    @wraps(view)
    def guarded(
        request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(cast(MemberRequest, request), *args, **kwargs)
        if is_piece(request) and request.method == "POST":
            # The page says so beside the form, which keeps its text.
            return HttpResponse(SIGNED_OUT, status=401, content_type="text/plain")
        answer = redirect_to_login(_way_back(request), settings.LOGIN_URL)
        if is_piece(request):
            return HttpResponseClientRedirect(answer.url)
        if request.method == "POST":
            messages.warning(request, NOTHING_SENT)
        return answer

    return guarded


def staff_required[**P](view: View[MemberRequest, P]) -> View[HttpRequest, P]:
    """Let staff in; for other members the page does not exist."""

    @wraps(view)
    def guarded(
        request: MemberRequest, /, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponseBase:
        if not request.user.is_staff:
            raise Http404
        return view(request, *args, **kwargs)

    return member_required(cast(View[MemberRequest, P], guarded))


def superuser_required[**P](view: View[MemberRequest, P]) -> View[HttpRequest, P]:
    """Let superusers in; for other members, staff among them, the page does not exist."""

    @wraps(view)
    def guarded(
        request: MemberRequest, /, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponseBase:
        if not request.user.is_superuser:
            raise Http404
        return view(request, *args, **kwargs)

    return member_required(cast(View[MemberRequest, P], guarded))


def _way_back(request: HttpRequest) -> str:
    """This page, or the page its form or piece stood on, which a GET can show again."""
    if request.method == "GET" and not is_piece(request):
        return request.get_full_path()
    came_from = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(came_from, {request.get_host()}):
        return "/"
    parts = urlsplit(came_from)
    # Browsers read `//evil.example` as another host.
    path = "/" + parts.path.lstrip("/\\")
    return path + (f"?{parts.query}" if parts.query else "")


def viewer_of(request: HttpRequest) -> User | None:
    """Who looks at this page, None for a guest."""
    return member_of(request.user)


def member_of(user: object) -> User | None:
    """`user` as a member, None when nobody is signed in."""
    return user if isinstance(user, User) else None


def sent(request: HttpRequest) -> QueryDict | None:
    """What a form was sent with; None, and not an empty dict, when it is only shown."""
    return request.POST if request.method == "POST" else None
