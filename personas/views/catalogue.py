"""The catalogue, and the page of one persona."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.access import viewer_of
from personas.access import rights_of, visible_persona
from personas.appearance import KINDS
from personas.catalogue import Filters, catalogue_page, free_tags
from personas.models import Visibility
from personas.wording import fields_of


def persona_list(request: HttpRequest) -> HttpResponse:
    viewer, filters = viewer_of(request), Filters.read(request.GET)
    context = {
        "page": catalogue_page(viewer=viewer, filters=filters, query=request.GET),
        "filters": filters,
        "kinds": _kinds(filters),
        "tags": [*KINDS, *free_tags(viewer)],
    }
    return render(request, "personas/persona_list.html", context)


def _kinds(filters: Filters) -> list[dict[str, Any]]:
    """The views of the catalogue, each an address that keeps the other filters."""
    return [
        {
            "label": label,
            "query": filters.query(tag=kind),
            "is_here": kind == filters.tag,
        }
        for kind, label in {"": "All", **KINDS}.items()
    ]


def persona_detail(request: HttpRequest, persona_slug: str) -> HttpResponse:
    """Who the persona is; its definition for those who may read it."""
    persona = visible_persona(request, persona_slug)
    rights = rights_of(viewer_of(request), persona)
    version = persona.current_version
    context: dict[str, Any] = {"persona": persona, "rights": rights, "fields": None}
    if version is not None:
        # The role and what to ask it are for all who may ask it.
        context["is_described"] = rights.can_use or rights.can_read
        if rights.can_read:
            # The role stands above them.
            context["fields"] = [it for it in fields_of(version) if it.name != "role"]
    if rights.can_shape:
        # With nothing that is met yet, it is what there is to see.
        context["draft"] = persona.drafts.filter(editor=viewer_of(request)).first()
    if rights.can_shape and persona.visibility == Visibility.GROUPS:
        context["groups"] = persona.groups.order_by("name")
    return render(request, "personas/persona_detail.html", context)
