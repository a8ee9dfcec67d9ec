"""Posts: answering, editing, deleting, previewing, and what a post said before."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, member_required, sent
from core import rates
from core.errors import ForllmError
from core.images import MAX_PICTURE_BYTES
from core.pieces import vary_on_piece
from core.uploads import takes_files
from forum import shown_posts
from forum.errors import ChangedMeanwhile
from forum.forms.images import FILE_FIELDS
from forum.forms.posts import BodyForm, EditForm, ReplyForm
from forum.models import Post
from forum.services import posts
from forum.views import pieces


def _find(request: MemberRequest, post_id: int) -> Post:
    posts_here = Post.objects.visible_to(request.user).with_topic()
    return get_object_or_404(posts_here, pk=post_id)


@takes_files(fields=FILE_FIELDS, most=MAX_PICTURE_BYTES)
@member_required
def reply_create(request: MemberRequest, post_id: int) -> HttpResponse:
    """The form for an answer to a post, its preview, and the answer."""
    parent = _find(request, post_id)
    form = ReplyForm(
        sent(request),
        request.FILES,
        writer=request.user,
        parent=parent,
        place=pieces.form_place(request),
    )
    context: dict[str, Any] = {"post": parent, "parent_id": parent.pk, "form": form}
    if request.method != "POST":
        context["refusal"] = parent.why_not_answered(parent.topic)
        status = 422 if context["refusal"] else 200
    elif form.is_valid() and "preview" in request.POST:
        context["preview"] = pieces.preview(request, form)
        status = 200
    else:
        post = _reply(request, parent, form)
        if post is not None:
            return _replied(request, parent, post, form)
        status = 422
    form.images.keep()
    template = "forum/reply_create.html" + ("#reply-form" if request.htmx else "")
    answer = render(request, template, context, status=status)
    return vary_on_piece(answer)


def _reply(request: MemberRequest, parent: Post, form: ReplyForm) -> Post | None:
    if not form.is_valid():
        return _sent_before(request, parent, form)
    try:
        rates.take(request, posts=request.user.pk)
        return posts.reply(parent=parent, author=request.user, **form.cleaned_data)
    except ForllmError as error:
        form.add_error(None, error.message)
        return None


def _sent_before(request: MemberRequest, parent: Post, form: ReplyForm) -> Post | None:
    """What the same form has made, should only its pictures be wrong: they went there."""
    if form.errors or "preview" in request.POST:
        return None
    said = {name: form.cleaned_data[name] for name in ("body", "token")}
    return posts.find_sent(to=parent, author=request.user, **said)


def _replied(
    request: MemberRequest, parent: Post, post: Post, sent_form: ReplyForm
) -> HttpResponse:
    """Bring a browser to the new post, or put it into the page and empty its form."""
    if not request.htmx:
        return redirect(post)
    shown = Post.objects.with_topic().get(pk=post.pk)
    context = {
        "shown": shown_posts.show_one(shown, request.user),
        "parent": parent,
        "parent_id": parent.pk,
        "form": ReplyForm(parent=parent, place=sent_form.place),
    }
    answer = render(request, "forum/reply_create.html#replied", context)
    return pieces.put_post(answer, shown)


@takes_files(fields=FILE_FIELDS, most=MAX_PICTURE_BYTES)
@member_required
def post_edit(request: MemberRequest, post_id: int) -> HttpResponse:
    """The form for changing one's own post."""
    post = _find(request, post_id)
    if not post.is_editable_by(request.user):
        raise Http404
    form = EditForm(sent(request), request.FILES, post=post)
    context: dict[str, Any] = {"post": post, "form": form}
    if request.method != "POST":
        return render(request, "forum/post_edit.html", context)
    template = "forum/post_edit.html" + ("#edit-form" if request.htmx else "")
    if form.is_valid():
        if "preview" in request.POST:
            form.images.keep()
            context["preview"] = pieces.preview(request, form)
            return render(request, template, context)
        try:
            rates.take(request, posts=request.user.pk)
            posts.edit_post(post=post, editor=request.user, **form.cleaned_data)
        except ForllmError as error:
            form.add_error(None, error.message)
            if isinstance(error, ChangedMeanwhile):
                form.begin_anew()
                context["present"] = post.body
        else:
            return pieces.go_to(request, post)
    form.images.keep()
    return render(request, template, context, status=422)


@member_required
def post_delete(request: MemberRequest, post_id: int) -> HttpResponse:
    """Ask whether a post shall go, and let it go."""
    post = _find(request, post_id)
    if not post.is_deletable_by(request.user):
        raise Http404
    if request.method == "POST":
        return redirect(posts.delete_post(post=post, actor=request.user))
    return render(request, "forum/post_delete.html", {"post": post})


@member_required
def post_history(request: MemberRequest, post_id: int) -> HttpResponse:
    """What a post said before its edits, for its author and staff."""
    post = _find(request, post_id)
    if not (post.is_editable_by(request.user) or request.user.is_staff):
        raise Http404
    revisions = post.revisions.order_by("-pk").select_related("replaced_by__handle")
    context = {"post": post, "revisions": revisions}
    return render(request, "forum/post_history.html", context)


@require_POST
@member_required
def post_preview(request: MemberRequest) -> HttpResponse:
    """How a text will look, without keeping it."""
    form = BodyForm(request.POST)
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        context["preview"] = pieces.rendered(form)
    template = "forum/post_preview.html" + ("#preview" if request.htmx else "")
    status = 200 if form.is_valid() else 422
    answer = render(request, template, context, status=status)
    return vary_on_piece(answer)
