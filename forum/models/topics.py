"""Topics: a title and the tree of posts under it."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, FilteredRelation, Q
from django.db.models.fields.tuple_lookups import TupleLessThan
from django.urls import reverse

from core.locks import read_held
from forum.models.subforums import Subforum


def may_be_read_by(user: object, *, topic: str = "") -> Q:
    """Which topics `user` may read: all of them, so far.

    `topic`: the way to the topic from what is filtered, such as "topic__".
    """
    return Q()


class TopicQuerySet(models.QuerySet["Topic"]):
    """Questions about many topics."""

    def visible_to(self, user: object) -> Self:
        """Topics `user` may read."""
        return self.filter(may_be_read_by(user))

    def with_people(self) -> Self:
        """Topics with their subforum, their author and who wrote last in one query."""
        return self.select_related(
            "subforum",
            "author__handle",
            "last_post__author__handle",
            "last_post__persona_version__persona",
        ).defer("last_post__body", "last_post__html")

    def with_opening(self) -> Self:
        """Topics that know the key of their first post, which a reply at the end answers."""
        opening = FilteredRelation("posts", condition=Q(posts__number=1))
        return self.with_people().annotate(opening=opening, opening_id=F("opening__pk"))

    def by_activity(self) -> Self:
        """Pinned topics first, then the most recently answered."""
        return self.order_by("-is_pinned", "-last_post_at", "-pk")

    def after_in_list(self, is_pinned: bool, last_post_at: datetime, pk: int) -> Self:
        """The part of `by_activity` that follows a topic with these values.

        One comparison of rows, so that the index is read from there on.
        """
        key = (F("is_pinned"), F("last_post_at"), F("pk"))
        return self.filter(TupleLessThan(key, (is_pinned, last_post_at, pk)))

    def hold(self, pk: int) -> "Topic":
        """The topic, locked until the transaction ends."""
        return self.select_for_update(no_key=True).get(pk=pk)

    def hold_words(self, pk: int) -> "Topic":
        """The topic; nobody writes, edits or deletes in it until the transaction ends.

        Any number may hold it so at once, as prompts are made of it.
        """
        return read_held(Topic, pk)

    def latest_in(self, subforum_id: int) -> "Topic | None":
        """The topic with the newest post; two steps along the index by activity."""
        found = [
            self.filter(subforum=subforum_id, is_pinned=is_pinned)
            .order_by("-last_post_at", "-pk")
            .first()
            for is_pinned in (True, False)
        ]
        return max(filter(None, found), key=lambda it: it.last_post_at, default=None)


class Topic(models.Model):
    """A title and its tree of posts; the first post opens it."""

    subforum = models.ForeignKey(
        Subforum, on_delete=models.PROTECT, related_name="topics"
    )
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    title = models.CharField(max_length=150)
    slug = models.SlugField(max_length=80)
    is_locked = models.BooleanField(default=False)
    is_pinned = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    # The highest post number given out; numbers are never used again.
    last_number = models.PositiveIntegerField(default=0)
    posts_count = models.PositiveIntegerField(default=0)
    last_post = models.ForeignKey(
        "Post", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    last_post_at = models.DateTimeField()

    objects = TopicQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["subforum", "-is_pinned", "-last_post_at", "-id"],
                name="forum_topics_by_activity",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("forum:topic_detail", args=[self.slug, self.pk])

    def url_at(self, number: int) -> str:
        """The page that shows the post so numbered, and its place there."""
        return f"{self.get_absolute_url()}?at={number}#post-{number}"
