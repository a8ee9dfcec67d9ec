"""Pieces of a page, as htmx asks for them, and where the page puts them."""

from typing import Literal

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, resolve_url
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget

from accounts.access import MemberRequest
from core import markup, rates
from core.errors import TooOften
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


def preview(request: MemberRequest, form: forms.Form) -> str:
    """How the text of a form that is shown again will look; blank: asked for too often."""
    try:
        rates.take(request, previews=request.user.pk)
    except TooOften as refusal:
        form.add_error(None, refusal.message)
        return ""
    return rendered(form)


def rendered(form: forms.Form) -> str:
    """How the text of a valid form will look."""
    return markup.stored(markup.render(form.cleaned_data["body"]))
