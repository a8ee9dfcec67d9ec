"""The limits on how often one may do what, as pages show them.

Pages count by address for guests and by member for members, so that a school behind
one address does not shut its own members out. What else is counted stands here by the
name of its address; what has a form to show again asks `core.rates` in its view.
"""

from collections.abc import Awaitable
from inspect import iscoroutinefunction, markcoroutinefunction
from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from core import rates
from core.addresses import address_of, neighbourhood
from core.errors import TooOften
from core.pieces import is_piece
from forllm.middleware import Answer, AsyncAnswer

# Files that browsers keep, what looks after the site, and streams, which are limited by
# how many are open (`forllm/asgi.py`).
_UNCOUNTED = ("/media/", "/healthz", "/live/")

# A page of a topic has up to eighty of them: counted beside the pages, not among them.
_PICTURES = "/posts/images/"

# What a POST to these addresses counts as, by member.
_RULES = {
    "forum:post_preview": "previews",
    "llmconfig:endpoint_ask_models": "tests",
    "llmconfig:endpoint_create": "tests",
    "llmconfig:endpoint_edit": "tests",
    "llmconfig:endpoint_try": "tests",
    "llmconfig:key_edit": "tests",
    "llmconfig:key_test": "tests",
    "studio:persona_try": "previews",
}


class RateLimits:
    """Counts pages and some POSTs; answers 429 when they are too many, or a view says so."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Answer | AsyncAnswer) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(
        self, request: HttpRequest
    ) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if iscoroutinefunction(self.get_response):
            return self.get_response(request)  # a stream
        try:
            _count_page(request)
        except TooOften as refusal:
            return refuse(request, refusal)
        answer = cast(Answer, self.get_response)(request)
        met: TooOften | None = getattr(request, "too_often", None)
        return answer if met is None else told(request, answer, met)

    def process_view(
        self, request: HttpRequest, view: object, *args: object
    ) -> HttpResponseBase | None:
        """Count what this address does, when CSRF has been checked."""
        match = request.resolver_match
        if request.method != "POST" or match is None:
            return None
        rule = _RULES.get(match.view_name)
        if rule is None and hasattr(view, "takes_files") and request.FILES:
            rule = "uploads"
        if rule is not None and request.user.is_authenticated:
            try:
                rates.take(request, **{rule: request.user.pk})
            except TooOften as refusal:
                return refuse(request, refusal)
        return None

    def process_exception(
        self, request: HttpRequest, error: Exception
    ) -> HttpResponseBase | None:
        return refuse(request, error) if isinstance(error, TooOften) else None


def refuse(request: HttpRequest, refusal: TooOften) -> HttpResponseBase:
    """The page that says what was too often, and when it can be done again."""
    page = render(request, "429.html", {"refusal": refusal})
    return told(request, page, refusal)


def told(
    request: HttpRequest, answer: HttpResponseBase, refusal: TooOften
) -> HttpResponseBase:
    """`answer` as 429; for htmx only the words, which the page puts beside the form."""
    if is_piece(request):
        words = refusal.message
        answer = HttpResponse(words, content_type="text/plain; charset=utf-8")
    answer.status_code = 429
    answer["Retry-After"] = str(refusal.retry_after_seconds)
    return answer


def _count_page(request: HttpRequest) -> None:
    if request.path_info.startswith(_UNCOUNTED) or not settings.RATES:
        return
    # Without a cookie there is no session to look up.
    has_session = settings.SESSION_COOKIE_NAME in request.COOKIES
    is_member = has_session and request.user.is_authenticated
    rule = "member_pages" if is_member else "guest_pages"
    if request.path_info.startswith(_PICTURES):
        rule = "pictures"
    whom = request.user.pk if is_member else neighbourhood(address_of(request))
    rates.take(request, **{rule: whom})
