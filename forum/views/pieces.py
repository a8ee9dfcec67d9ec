"""Pieces of a page, as htmx asks for them, and where the page puts them."""

from typing import Literal

from django.http import HttpResponse
from django.shortcuts import redirect, resolve_url
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget

from accounts.access import MemberRequest
from forum.forms.places import Place
from forum.models import Post, Topic


def form_place(request: MemberRequest) -> Place:
    """Where the form stands that is asked for or was sent; see the templates' ids."""
    if not request.htmx or request.htmx.trigger == "page-form":
        return "page"
    return "end" if request.htmx.trigger == "end-form" else "slot"


def put_post(answer: HttpResponse, post: Post) -> HttpResponse:
    """Have `post` put where it stands in the tree: `static/js/placing.js` reads the path."""
    answer["Forllm-Path"] = post.path
    return _put(answer, "#posts", "beforeend", post)


def put_ask(answer: HttpResponse, post: Post) -> HttpResponse:
    """Have an ask put after the others under `post`."""
    return _put(answer, f"#entry-{post.number}", "beforeend", post)


def _put(
    answer: HttpResponse, target: str, how: Literal["beforeend"], post: Post
) -> HttpResponse:
    # Where to go instead, for a page that does not show that place.
    answer["Location"] = post.get_absolute_url()
    return reswap(retarget(answer, target), how)


def go_to(request: MemberRequest, goal: Post | Topic | str) -> HttpResponse:
    """Bring the browser to `goal`, whichever way its form was sent."""
    if request.htmx:
        return HttpResponseClientRedirect(resolve_url(goal))
    return redirect(goal)
