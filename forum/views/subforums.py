"""The front page, the topics of a subforum, and what a member wrote."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from core.pieces import is_piece, vary_on_piece
from forum import offers, paging
from forum.models import Post, Subforum
from forum.services import assignments


def subforum_list(request: HttpRequest) -> HttpResponse:
    subforums = Subforum.objects.visible_to(request.user).with_last_topics()
    context: dict[str, Any] = {"subforums": subforums}
    if getattr(request.user, "is_superuser", False):
        context["answering"] = offers.default_provider()
    return render(request, "forum/subforum_list.html", context)


def subforum_detail(request: HttpRequest, slug: str) -> HttpResponse:
    subforum = get_object_or_404(Subforum.objects.visible_to(request.user), slug=slug)
    page = paging.topics_page(subforum, request.GET)
    context = {
        "subforum": subforum,
        "page": page,
        "bar": assignments.persona_bar(subforum, request.user),
    }
    return render(request, "forum/subforum_detail.html", context)


def member_posts(request: HttpRequest, handle: str) -> HttpResponse:
    """A member's latest posts; their page loads this piece, and it is a page as well."""
    posts = Post.objects.visible_to(request.user).latest_by(handle)[:20]
    template = "forum/member_posts.html"
    if is_piece(request):
        template += "#posts"
    answer = render(request, template, {"posts": posts, "handle": handle})
    return vary_on_piece(answer)
