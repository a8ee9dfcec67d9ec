"""What the viewer of a persona's page may do with it, for its tabs."""

from typing import Any

from django import template

from accounts.access import viewer_of
from personas.access import Rights, rights_of
from personas.models import Persona

register = template.Library()


@register.simple_tag(takes_context=True)
def persona_rights(context: dict[str, Any], persona: Persona) -> Rights:
    """What the viewer of the page may do with `persona`, unless its view knows already."""
    known = context.get("rights")
    return known or rights_of(viewer_of(context["request"]), persona)
