"""Asking a persona for an answer, and what became of it."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, member_required, sent
from core.errors import ForllmError
from forum import ask_states, live, receipts, shown_posts
from forum.forms import AskForm
from forum.models import Ask, Post
from forum.services import asks
from forum.views import pieces


@member_required
def ask_create(request: MemberRequest, post_id: int) -> HttpResponse:
    """The choice of personas for a post, and the ask."""
    post = get_object_or_404(
        Post.objects.visible_to(request.user).with_topic(), pk=post_id
    )
    place = pieces.form_place(request)
    form = AskForm(sent(request), post=post, member=request.user, place=place)
    status = 200
    if request.method == "POST":
        ask = _ask(request, post, form)
        if ask is not None:
            return _asked(request, post, ask)
        status = 422
    template = "forum/ask_create.html" + ("#ask-form" if request.htmx else "")
    answer = render(request, template, {"post": post, "form": form}, status=status)
    return pieces.of_both_kinds(answer)


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
    return pieces.put_ask(answer, post)


def ask_detail(request: HttpRequest, ask_id: str) -> HttpResponse:
    """What became of an ask; for htmx its line in the topic, or the reply."""
    if pieces.is_piece(request):
        return pieces.of_both_kinds(_line(request, ask_id))
    page = render(request, "forum/ask_detail.html", _page(request, ask_id))
    return pieces.of_both_kinds(page)


def _line(request: HttpRequest, ask_id: str) -> HttpResponse:
    """The ask's line, its reply, or nothing once the ask is none of the reader's."""
    try:
        ask = _find(request, ask_id)
    except Http404:
        return HttpResponse()
    if ask.reply_id is None:
        return render(request, "forum/_ask.html", _context(request, ask))
    reply = Post.objects.with_topic().get(pk=ask.reply_id)
    context = {"shown": shown_posts.show_one(reply, request.user), "ask": ask}
    answer = render(request, "forum/ask_detail.html#answered", context)
    return pieces.put_post(answer, reply)


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
        context = _page(request, ask_id) | {"error": error.message}
        return render(request, "forum/ask_detail.html", context, status=422)
    if not request.htmx:
        return redirect(ask.post)
    return render(request, "forum/_ask.html", _context(request, ask))


def _find(request: HttpRequest, ask_id: str) -> Ask:
    visible = Ask.objects.visible_to(request.user).with_post()
    return get_object_or_404(visible, request__public_id=ask_id)


def _context(request: HttpRequest, ask: Ask) -> dict[str, Any]:
    state = ask_states.state_of(ask, request.user)
    stream_url = live.stream_url(request, ask.post.topic) if state.is_open else ""
    return {"state": state, "post": ask.post, "stream_url": stream_url}


def _page(request: HttpRequest, ask_id: str) -> dict[str, Any]:
    ask = _find(request, ask_id)
    return _context(request, ask) | {"ask": ask, "receipt": receipts.receipt_of(ask)}
