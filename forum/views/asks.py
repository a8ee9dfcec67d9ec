"""Asking a persona for an answer, and what became of it."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, member_required, sent
from core import rates
from core.errors import ForllmError
from core.pieces import is_piece, vary_on_piece
from forum import ask_states, live, offers, shown_posts
from forum.forms.asks import AskForm
from forum.models import Ask, Post, SubforumPersona
from forum.services import asks
from forum.views import notices, pieces
from llmqueue import services as queue
from llmqueue.limits.remaining import in_short, left_for
from llmqueue.pages.outlook import as_resolved
from llmqueue.resolution.lookups import Lookups


@member_required
def ask_create(request: MemberRequest, post_id: int) -> HttpResponse:
    """The choice of personas for a post, and the ask."""
    post = get_object_or_404(
        Post.objects.visible_to(request.user).with_topic(), pk=post_id
    )
    assignments = offers.assignments_of(post.topic.subforum)
    form = _form(request, post, assignments)
    is_sent = request.method == "POST"
    if is_sent and (ask := _ask(request, post, form)):
        return _asked(request, post, ask)
    refusal = (
        post.why_not_asked(post.topic)
        or asks.why_off_for(request.user)
        or asks.why_stopped_in(post.topic.subforum_id)
    )
    context = {"post": post, "form": form, "refusal": refusal}
    context |= _prospect(request, post, assignments)
    template = "forum/ask_create.html" + ("#ask-form" if request.htmx else "")
    status = 422 if is_sent or refusal else 200
    return vary_on_piece(render(request, template, context, status=status))


def _form(
    request: MemberRequest, post: Post, assignments: list[SubforumPersona]
) -> AskForm:
    offered = offers.offered_personas(assignments, request.user)
    return AskForm(
        sent(request),
        post=post,
        member=request.user,
        offered=offered.not_muted_by(request.user),
        assigned={entry.persona_id for entry in assignments},
        place=pieces.form_place(request),
        wanted=request.GET.get("persona", ""),
    )


def _prospect(
    request: MemberRequest, post: Post, assignments: list[SubforumPersona]
) -> dict[str, Any]:
    """Who would answer if nobody in particular is asked, and what the member has left."""
    subforum, member = post.topic.subforum, request.user
    inputs = offers.inputs_in(
        subforum, assignments, member=member, pictures=post.images_count
    )
    lookups = Lookups([inputs])
    anyone = as_resolved(inputs, lookups)
    left = left_for(
        member,
        tier=lookups.tier(member),
        place=asks.place_of(subforum.pk),
        on_own_key=anyone.on_own_key,
    )
    return {"anyone": anyone, "left": in_short(left)}


def _ask(request: MemberRequest, post: Post, form: AskForm) -> Ask | None:
    if not form.is_valid():
        return None
    values = form.cleaned_data
    try:
        _count(request, post)
        return asks.ask(
            post=post,
            member=request.user,
            persona=values["persona"],
            config=values["config"],
            endpoint=values["wish"].endpoint if values["wish"] else None,
            key=values["key"].hex if values["key"] else "",
            blindly=values.get("blindly", False),
        )
    except ForllmError as error:
        form.add_error(None, error.message)
        return None


def _count(request: MemberRequest, post: Post) -> None:
    """Count an ask, whoever pays for it: this is about haste, not about bills."""
    rates.take(request, asks=request.user.pk, subforum_asks=post.topic.subforum_id)


def _asked(request: MemberRequest, post: Post, ask: Ask) -> HttpResponse:
    """Bring a browser to the post, or put the ask under it in the page."""
    if not request.htmx:
        return redirect(post)
    context = _context(request, ask) | {"post": post}
    answer = render(request, "forum/ask_create.html#asked", context)
    return pieces.put_ask(answer, post)


def ask_detail(request: HttpRequest, ask_id: str) -> HttpResponse:
    """An ask's line in the topic, or its reply, for htmx; else the page of its request."""
    if is_piece(request):
        return vary_on_piece(_line(request, ask_id))
    return vary_on_piece(redirect(_find(request, ask_id).request))


def _line(request: HttpRequest, ask_id: str) -> HttpResponse:
    """The ask's line, its reply, or nothing once the ask does not concern the reader.

    Beside it what is left of its post, if that was deleted.
    """
    concerning = Ask.objects.concerning(request.user).with_post()
    ask = concerning.filter(request__public_id=ask_id).first()
    if ask is None:
        return render(request, "forum/_asked.html", {"post": _gone(request, ask_id)})
    if ask.reply_id is None:
        notices.see(request, [ask.post])
        return render(request, "forum/_asked.html", _context(request, ask))
    reply = Post.objects.with_topic().get(pk=ask.reply_id)
    notices.see(request, [reply])
    context = {"shown": shown_posts.show_one(reply, request.user), "ask": ask}
    return pieces.put_post(render(request, "forum/_answered.html", context), reply)


@require_POST
@member_required
def ask_cancel(request: MemberRequest, ask_id: str) -> HttpResponse:
    return _act(request, _find(request, ask_id), queue.cancel_by)


@require_POST
@member_required
def ask_retry(request: MemberRequest, ask_id: str) -> HttpResponse:
    ask = _find(request, ask_id)
    _count(request, ask.post)
    return _act(request, ask, queue.retry)


def _act(request: MemberRequest, ask: Ask, service: Any) -> HttpResponse:
    """Do what a button under an ask says, or say there what forbids it."""
    error = ""
    try:
        changed = service(request=ask.request, member=request.user) or ask.request
        ask = Ask.objects.with_post().get(request=changed)
    except ForllmError as refusal:
        error = refusal.message
    if not request.htmx:
        if error:
            messages.error(request, error)
        return redirect(ask.request if error else ask.post)
    context = _context(request, ask) | {"error": error}
    status = 422 if error else 200
    return render(request, "forum/_ask.html", context, status=status)


def _find(request: HttpRequest, ask_id: str) -> Ask:
    visible = Ask.objects.visible_to(request.user).with_post()
    return get_object_or_404(visible, request__public_id=ask_id)


def _gone(request: HttpRequest, ask_id: str) -> Post | None:
    """The post of an ask that does not concern the reader, if it was deleted."""
    gone = Post.objects.visible_to(request.user).exclude(deleted_at=None)
    return gone.filter(asks__request__public_id=ask_id).with_topic().first()


def _context(request: HttpRequest, ask: Ask) -> dict[str, Any]:
    state = ask_states.state_of(ask, request.user)
    stream_url = live.stream_url(request, ask.post.topic) if state.is_open else ""
    return {"state": state, "post": ask.post, "stream_url": stream_url}
