"""What a persona leaves in the forum, for pages of apps that the forum stands on."""

from django import template

from forum.models import Post, SubforumPersona
from personas.models import Persona

register = template.Library()


@register.simple_tag
def persona_traces(persona: Persona) -> dict[str, int]:
    """In how many subforums it is the default, and how many posts it wrote."""
    defaults = SubforumPersona.objects.filter(persona=persona, is_default=True)
    posts = Post.objects.filter(persona_version__persona=persona)
    return {"defaults": defaults.count(), "posts": posts.count()}
