"""Notices: what became of what a member asked for."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, member_required
from core.paging import key_before
from forum.models import Post
from forum.services import notices


@member_required
def notice_list(request: MemberRequest) -> HttpResponse:
    page, older = notices.latest(request.user, before=key_before(request))
    context = {"notices": page, "older": older}
    return render(request, "forum/notice_list.html", context)


def see(request: HttpRequest, shown: list[Post]) -> None:
    """Whoever is shown these posts has seen the notices about them."""
    if request.user.is_authenticated and request.user.unseen_notices:
        notices.mark_seen(user=request.user, shown=shown)


@require_POST
@member_required
def notices_see(request: MemberRequest) -> HttpResponse:
    """Count all as seen; twice is once."""
    notices.mark_seen(user=request.user)
    return redirect("forum:notice_list")


@member_required
def notice_count(request: MemberRequest) -> HttpResponse:
    """The link in the header with how many are unseen, which pages look at again."""
    return render(request, "forum/_notices_link.html")
