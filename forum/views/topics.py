"""Topics: reading one, opening one."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from accounts.access import MemberRequest, member_required, sent
from core import rates
from core.errors import ForllmError
from core.images import MAX_PICTURE_BYTES
from core.uploads import takes_files
from forum import live, paging, shown_posts
from forum.forms.images import FILE_FIELDS
from forum.forms.posts import ReplyForm, TopicForm
from forum.models import Subforum, Topic
from forum.services import assignments, posts
from forum.shown_posts import ShownPost
from forum.views import notices, pieces


def topic_detail(request: HttpRequest, slug: str, topic_id: int) -> HttpResponse:
    topic = get_object_or_404(
        Topic.objects.visible_to(request.user).with_opening(), pk=topic_id
    )
    if slug != topic.slug:
        query = request.GET.urlencode()
        return redirect(topic.get_absolute_url() + (f"?{query}" if query else ""))
    page = paging.posts_page(topic, request.GET)
    notices.see(request, page.posts)
    shown_here = shown_posts.show(page.posts, request.user)
    context = {
        "topic": topic,
        "bar": assignments.persona_bar(topic.subforum, request.user),
        "page": page,
        "posts": shown_here,
        "form": ReplyForm(place="end"),
        "stream_url": _stream_url(request, topic, shown_here),
    }
    return render(request, "forum/topic_detail.html", context)


def _stream_url(request: HttpRequest, topic: Topic, posts_here: list[ShownPost]) -> str:
    """Where the words of open asks arrive; empty while the page shows none."""
    is_any_open = any(ask.is_open for shown in posts_here for ask in shown.asks)
    return live.stream_url(request, topic) if is_any_open else ""


@takes_files(fields=FILE_FIELDS, most=MAX_PICTURE_BYTES)
@member_required
def topic_create(request: MemberRequest, slug: str) -> HttpResponse:
    """The form for a new topic, its preview, and the new topic."""
    subforum = get_object_or_404(Subforum.objects.visible_to(request.user), slug=slug)
    form = TopicForm(
        sent(request),
        request.FILES,
        writer=request.user,
        begun=request.GET.get("body", ""),
        persona=request.GET.get("persona", ""),
    )
    context = {"subforum": subforum, "form": form}
    if request.method != "POST":
        return render(request, "forum/topic_create.html", context)
    template = "forum/topic_create.html" + ("#topic-form" if request.htmx else "")
    if form.is_valid():
        values = form.cleaned_data
        if "preview" in request.POST:
            form.images.keep()
            context["preview"] = pieces.preview(request, form)
            return render(request, template, context)
        wanted = values.pop("persona")
        try:
            rates.take(request, posts=request.user.pk)
            topic = posts.create_topic(subforum=subforum, author=request.user, **values)
        except ForllmError as error:
            form.add_error(None, error.message)
        else:
            goal = _ask_form(topic, wanted) if wanted else topic
            return pieces.go_to(request, goal)
    elif made := _sent_before(request, subforum, form):
        return pieces.go_to(request, made)
    form.images.keep()
    return render(request, template, context, status=422)


def _sent_before(
    request: MemberRequest, subforum: Subforum, form: TopicForm
) -> Topic | None:
    """What the same form has made, should only its pictures be wrong: they went there."""
    if form.errors or "preview" in request.POST:
        return None
    said = {name: form.cleaned_data[name] for name in ("title", "body", "token")}
    made = posts.find_sent(to=subforum, author=request.user, **said)
    return made.topic if made else None


def _ask_form(topic: Topic, handle: str) -> str:
    """Where the persona of that handle is asked to answer the opening post."""
    opening = topic.posts.get(number=1)
    query = urlencode({"persona": handle})
    return f"{reverse('forum:ask_create', args=[opening.pk])}?{query}"
