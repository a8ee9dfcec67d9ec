"""Who answers here, and why, for a subforum or a topic; and the site's own values."""

from django.conf import settings
from django.contrib import messages
from django.forms import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from accounts.access import MemberRequest, sent, staff_required, viewer_of
from core.models import SiteSettings
from forum.models import Subforum, Topic
from forum.services import asks
from studio.answering import offers_in
from studio.forms.site import SiteForm
from studio.services import site
from studio.stops import named_stops


def subforum_answering(request: HttpRequest, slug: str) -> HttpResponse:
    subforum = get_object_or_404(Subforum.objects.visible_to(request.user), slug=slug)
    return _answering(request, subforum, None)


def topic_answering(request: HttpRequest, slug: str, topic_id: int) -> HttpResponse:
    visible = Topic.objects.visible_to(request.user).select_related("subforum__profile")
    topic = get_object_or_404(visible, pk=topic_id, slug=slug)
    return _answering(request, topic.subforum, topic)


def _answering(
    request: HttpRequest, subforum: Subforum, topic: Topic | None
) -> HttpResponse:
    viewer = viewer_of(request)
    (anyone, *offers), page = offers_in(subforum, member=viewer, query=request.GET)
    context = {
        "subforum": subforum,
        "topic": topic,
        "stopped": asks.why_stopped_in(subforum.pk),
        "anyone": anyone.answerer,
        "offers": offers,
        "page": page,
    }
    return render(request, "studio/answering.html", context)


@staff_required
def site_edit(request: MemberRequest) -> HttpResponse:
    """Settings > Site: name, rules, and what is stopped."""
    form = SiteForm(sent(request), initial=model_to_dict(SiteSettings.load()))
    if form.is_valid():
        site.change_site(actor=request.user, **form.cleaned_data)
        messages.success(request, "The site's settings are saved.")
        return redirect("studio:site_edit")
    context = {
        "form": form,
        "is_ai_allowed": settings.AI_FEATURES_ENABLED,
        "stops": named_stops(),
    }
    status = 422 if form.errors else 200
    return render(request, "studio/site_edit.html", context, status=status)
