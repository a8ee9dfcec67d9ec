"""Addresses that answer a whole page, or a piece of one to htmx."""

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers


def is_piece(request: HttpRequest) -> bool:
    """Whether the page wants a piece of what this address shows."""
    return bool(getattr(request, "htmx", False))


def vary_on_piece(answer: HttpResponse) -> HttpResponse:
    """Tell caches that this address answers a page or a piece of one."""
    patch_vary_headers(answer, ["HX-Request"])
    return answer
