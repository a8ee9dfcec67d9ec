"""Asks, which join posts to the queue."""

from typing import Self

from django.db import models
from django.db.models import Case, F, Q, When, Window
from django.db.models.functions import RowNumber
from django.urls import reverse

from core.errors import ForllmError
from forum.errors import AskerGone
from forum.models.posts import Post
from forum.models.topics import may_be_read_by
from llmqueue.models import LLMRequest, Status
from personas.models import Persona

_IS_OPEN = Q(request__status__in=[Status.PENDING, Status.PROCESSING])


def may_be_seen_by(user: object, *, ask: str = "") -> Q:
    """Which asks `user` may see, in the forum and in the queue: of posts they may read.

    `ask`: the way to the ask from what is filtered, such as "ask__".
    """
    return may_be_read_by(user, topic=f"{ask}post__topic__")


class AskQuerySet(models.QuerySet["Ask"]):
    """Questions about many asks."""

    def visible_to(self, user: object) -> Self:
        """Asks of posts that `user` may read."""
        return self.filter(may_be_seen_by(user))

    def concerning(self, user: object) -> Self:
        """Asks that stand under their posts for `user`.

        One that came to nothing is no secret, and the queue shows it; but in the topic it
        would only disturb whoever did not ask, did not write the post and is not staff.
        """
        seen = self.visible_to(user)
        if getattr(user, "is_staff", False):
            return seen
        shown = _IS_OPEN | Q(reply__isnull=False)
        member_id = getattr(user, "pk", None)
        if member_id is not None:
            shown |= Q(request__requested_by=member_id) | Q(post__author=member_id)
        return seen.filter(shown)

    def written_for(self, user: object) -> Self:
        """Asks that a persona writes at now, but those that `user` muted.

        Who writes is known when the attempt under the present lease is.
        """
        writing = self.filter(
            request__last_attempt__lease_token=F("request__lease_token")
        )
        unmuted = Persona.objects.not_muted_by(user)
        return writing.filter(request__answerer__in=unmuted)

    def with_request(self) -> Self:
        """Asks with their request, its receipt, who asked and whom, in one query."""
        return self.select_related(
            "request__answerer",
            "request__requested_by__handle",
            "request__last_attempt",
            "request__lane",
        ).defer("request__last_attempt__answer")

    def with_post(self) -> Self:
        """Asks with their request as above, their post and its topic in one query."""
        return self.with_request().select_related(
            "post__topic__subforum",
            "post__author__handle",
            "post__persona_version__persona",
        )

    def newest(self, most: int) -> Self:
        """At most `most` of each post: open ones first; those asked again are left out."""
        order = [Case(When(_IS_OPEN, then=0), default=1), F("pk").desc()]
        place = Window(RowNumber(), partition_by=F("post"), order_by=order)
        return (
            self.filter(request__retries=None)
            .annotate(place_in_post=place)
            .filter(place_in_post__lte=most)
        )

    def open(self) -> Self:
        """Asks whose request still waits or runs."""
        return self.filter(_IS_OPEN)


class Ask(models.Model):
    """A member's wish for a reply to a post, and the reply once it is there."""

    post = models.ForeignKey(Post, on_delete=models.PROTECT, related_name="asks")
    request = models.OneToOneField(LLMRequest, on_delete=models.PROTECT)
    reply = models.OneToOneField(
        Post, null=True, blank=True, on_delete=models.PROTECT, related_name="answers"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AskQuerySet.as_manager()

    def __str__(self) -> str:
        return f"ask {self.pk} on {self.post_id}"

    def get_absolute_url(self) -> str:
        return reverse("forum:ask_detail", args=[self.request.public_id])

    def why_not_asked_again(self) -> ForllmError | None:
        """What stands against asking anew, as of its joined rows."""
        if self.request.requested_by_id is None:
            return AskerGone()
        return self.post.why_not_asked(self.post.topic)
