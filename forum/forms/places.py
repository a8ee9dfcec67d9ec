"""Where on a page a form stands."""

from typing import Literal

from forum.models import Post

# On its own page, under a post, or at the end of a topic.
type Place = Literal["page", "slot", "end"]


def auto_id(what: str, post: Post | None, place: Place) -> str:
    """Ids that differ between the forms of one page."""
    under = f"-{post.number}" if place == "slot" and post else ""
    return f"{what}{under}-%s"
