"""What holds for every page: its id, how requests may look, who may keep an answer."""

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from inspect import iscoroutinefunction
from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.utils.decorators import sync_and_async_middleware

from core import correlation

type Answer = Callable[[HttpRequest], HttpResponseBase]
type AsyncAnswer = Callable[[HttpRequest], Awaitable[HttpResponseBase]]

_SESSION_KEY = re.compile(r"[a-z0-9]{1,40}")
_CHARSETS = ("utf-8", "utf8")
_ID_HEADER = "X-Request-ID"


@sync_and_async_middleware
def correlate(get_response: Answer | AsyncAnswer) -> Answer | AsyncAnswer:
    """Name each request, by its own header if that may be, and say the name in return.

    Stands first, so that every log line has it. The id is not taken back: Django logs
    an error, and a stream its words, when the middleware is through.
    """
    if iscoroutinefunction(get_response):

        async def answer_later(request: HttpRequest) -> HttpResponseBase:
            name = correlation.begin(request.headers.get(_ID_HEADER, ""))
            response: HttpResponseBase = await get_response(request)
            response[_ID_HEADER] = name
            return response

        return answer_later

    def answer(request: HttpRequest) -> HttpResponseBase:
        name = correlation.begin(request.headers.get(_ID_HEADER, ""))
        response = cast(Answer, get_response)(request)
        response[_ID_HEADER] = name
        return response

    return answer


@sync_and_async_middleware
def doorkeeper(get_response: Answer | AsyncAnswer) -> Answer | AsyncAnswer:
    """Drop or refuse what no browser sends; keep members' pages out of every cache.

    Stands below WhiteNoise, whose files are for everybody, and above the sessions.
    """
    if iscoroutinefunction(get_response):

        async def answer_later(request: HttpRequest) -> HttpResponseBase:
            refusal = _receive(request)
            return refusal or _sealed(request, await get_response(request))

        return answer_later

    def answer(request: HttpRequest) -> HttpResponseBase:
        refusal = _receive(request)
        return refusal or _sealed(request, cast(Answer, get_response)(request))

    return answer


@sync_and_async_middleware
def explain_addresses(get_response: Answer | AsyncAnswer) -> Answer | AsyncAnswer:
    """Show a page where somebody opens an address that only forms send to.

    A tab that is restored does so, where a form came back with its errors. Stands
    below the sessions, as the page names whoever reads it. Streams have no forms.
    """
    if iscoroutinefunction(get_response):
        return get_response

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = cast(Answer, get_response)(request)
        if (
            request.method != "GET"
            or response.status_code != HTTPStatus.METHOD_NOT_ALLOWED
        ):
            return response
        page = render(request, "405.html", status=response.status_code)
        page["Allow"] = response["Allow"]
        return page

    return answer


def _receive(request: HttpRequest) -> HttpResponse | None:
    name = settings.SESSION_COOKIE_NAME
    if not _SESSION_KEY.fullmatch(request.COOKIES.get(name, "0")):
        del request.COOKIES[name]  # PostgreSQL takes no NUL, for one
    charset = (request.content_params or {}).get("charset", "utf-8")
    if charset.strip("\"' ").lower() not in _CHARSETS:
        # Python knows charsets such as "hex" that decode to no text.
        words = "Please send text as UTF-8.\n"
        return HttpResponse(words, status=415, content_type="text/plain")
    return None


def _sealed(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """With a session on either side, no cache may keep the answer.

    But for what a view calls immutable: a file that is the same for everybody.
    """
    name = settings.SESSION_COOKIE_NAME
    is_file = "immutable" in response.get("Cache-Control", "")
    if name in response.cookies or (name in request.COOKIES and not is_file):
        patch_cache_control(response, private=True, no_store=True)
    return response
