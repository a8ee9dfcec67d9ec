"""Asking a persona for an answer, and what became of it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST
from django_htmx.http import reswap, retarget

from accounts.access import MemberRequest, member_required, sent
from core.errors import ForllmError
from forum import ask_states, live, paging
from forum.forms import AskForm
from forum.models import Ask, Post
from forum.services import asks


@member_required
def ask_create(request: MemberRequest, post_id: int) -> HttpResponse:
    """The choice of personas for a post, and the ask."""
    post = get_object_or_404(
        Post.objects.visible_to(request.user).with_topic(), pk=post_id
    )
    form = AskForm(sent(request), member=request.user, subforum=post.topic.subforum)
    status = 200
    if request.method == "POST":
        ask = _ask(request, post, form)
        if ask is not None:
            return _asked(request, post, ask)
        status = 422
    template = "forum/ask_create.html" + ("#ask-form" if request.htmx else "")
    answer = render(request, template, {"post": post, "form": form}, status=status)
    answer["Vary"] = "HX-Request"
    return answer


def _ask(request: MemberRequest, post: Post, form: AskForm) -> Ask | None:
    if not form.is_valid():
        return None
    values = form.cleaned_data
    try:
        return asks.ask(
            post=post,
            member=request.user,
            persona=values["persona"],
            key=values["key"].hex if values["key"] else "",
        )
    except ForllmError as error:
        form.add_error(None, error.message)
        return None


def _asked(request: MemberRequest, post: Post, ask: Ask) -> HttpResponse:
    """Bring a browser to the post, or put the ask under it in the page."""
    if not request.htmx:
        return redirect(post)
    context = _context(request, ask) | {"post": post}
    answer = render(request, "forum/ask_create.html#asked", context)
    return reswap(retarget(answer, f"#post-{post.number}"), "afterend")


def ask_detail(request: HttpRequest, ask_id: str) -> HttpResponse:
    """What became of an ask; for htmx its line in the topic, or the reply in its place."""
    ask = _find(request, ask_id)
    if not getattr(request, "htmx", False):
        return _vary(render(request, "forum/ask_detail.html", _page(request, ask)))
    if ask.reply_id is None:
        return _vary(render(request, "forum/_ask.html", _context(request, ask)))
    reply = Post.objects.with_topic().get(pk=ask.reply_id)
    paging.fit_for(request.user, reply)
    ask_states.attach([reply], viewer=request.user)
    return _vary(render(request, "forum/_post.html", {"post": reply}))


@require_POST
@member_required
def ask_cancel(request: MemberRequest, ask_id: str) -> HttpResponse:
    return _act(request, ask_id, asks.cancel_ask)


@require_POST
@member_required
def ask_retry(request: MemberRequest, ask_id: str) -> HttpResponse:
    return _act(request, ask_id, asks.retry_ask)


def _act(request: MemberRequest, ask_id: str, service: Any) -> HttpResponse:
    """Do what a button under an ask says; what forbids it is said on the ask's page."""
    ask = _find(request, ask_id)
    try:
        ask = service(ask=ask, member=request.user) or _find(request, ask_id)
    except ForllmError as error:
        context = _page(request, ask) | {"error": error.message}
        return render(request, "forum/ask_detail.html", context, status=422)
    if not request.htmx:
        return redirect(ask.post)
    return render(request, "forum/_ask.html", _context(request, ask))


def _find(request: HttpRequest, ask_id: str) -> Ask:
    visible = Ask.objects.visible_to(request.user).with_request()
    return get_object_or_404(visible, request__public_id=ask_id)


def _context(request: HttpRequest, ask: Ask) -> dict[str, Any]:
    ask.state = ask_states.state_of(ask, request.user)
    stream_url = live.stream_url(request, ask.post.topic) if ask.state.is_open else ""
    return {"ask": ask, "post": ask.post, "stream_url": stream_url}


def _page(request: HttpRequest, ask: Ask) -> dict[str, Any]:
    return _context(request, ask) | {"receipt": ask_states.receipt_of(ask)}


def _vary(answer: HttpResponse) -> HttpResponse:
    """Tell caches that this address answers a page or a piece of one."""
    answer["Vary"] = "HX-Request"
    return answer
