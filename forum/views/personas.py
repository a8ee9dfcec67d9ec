"""What personas do in the forum, from the side of one persona."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from accounts.access import viewer_of
from core.paging import first_of, key_before
from forum import offers
from forum.models import Post, Subforum
from personas.access import visible_persona
from personas.models import Persona, PersonaVersion

PAGE_SIZE = 20


def persona_ask(request: HttpRequest, persona_slug: str) -> HttpResponse:
    """Where a question for the persona may be put; `body` is its text.

    The topic's form brings the persona along to the ask of its opening post.
    """
    usable = Persona.objects.usable_by(viewer_of(request)).select_related("handle")
    persona = get_object_or_404(usable, slug=persona_slug)
    body = request.GET.get("body", "")
    begun = {"body": body} if body else {}
    named = begun | {"persona": str(persona.handle)}
    query = f"?{urlencode(named)}"
    subforums = offers.subforums_offering(persona, viewer_of(request))
    if len(subforums) == 1:
        return redirect(_new_topic(subforums[0], query))
    context = {
        "persona": persona,
        "body": body,
        "places": [(it, _new_topic(it, query)) for it in subforums],
    }
    return render(request, "forum/persona_ask.html", context)


def _new_topic(subforum: Subforum, query: str) -> str:
    return reverse("forum:topic_create", args=[subforum.slug]) + query


def version_posts(request: HttpRequest, persona_slug: str, number: int) -> HttpResponse:
    """What one version of a persona wrote, as far as the viewer may read it."""
    persona = visible_persona(request, persona_slug)
    version = get_object_or_404(PersonaVersion, persona=persona, number=number)
    posts = Post.objects.visible_to(request.user).written_as(version)
    before = key_before(request)
    found, last = first_of(posts.before(before), PAGE_SIZE)
    context = {
        "persona": persona,
        "version": version,
        "posts": found,
        "older": last.pk if last else None,
        "is_later": before is not None,
    }
    return render(request, "forum/version_posts.html", context)
