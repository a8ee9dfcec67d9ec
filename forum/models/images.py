"""Pictures of posts; their files are `core.images`' business."""

from typing import Self

from django.db import models
from django.urls import reverse

from forum.models.posts import Post
from forum.models.topics import may_be_read_by

MOST_ALT_CHARS = 300
# The kind of the source of a prompt's part that is a picture; the key is the row's.
PICTURE = "post_image"


class PostImageQuerySet(models.QuerySet["PostImage"]):
    """Questions about many pictures."""

    def visible_to(self, user: object) -> Self:
        """Pictures of posts that `user` may read; a deleted post has none."""
        readable = may_be_read_by(user, topic="post__topic__")
        return self.filter(readable, post__deleted_at=None)


class PostImage(models.Model):
    """One picture of a post. Its file is its own, and goes when the row goes."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="images")
    position = models.PositiveSmallIntegerField()
    # The file's name for `core.images`; never part of an address.
    file = models.CharField(max_length=60, unique=True)
    alt = models.CharField(max_length=MOST_ALT_CHARS, blank=True)
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()

    objects = PostImageQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["post", "position"],
                name="forum_image_position_once",
                deferrable=models.Deferrable.DEFERRED,  # one goes, the others move up
            ),
        ]

    def __str__(self) -> str:
        return f"picture {self.position + 1} of {self.post_id}"

    def get_absolute_url(self) -> str:
        """Where its file is read, by those who may read the post."""
        return reverse("forum:image_detail", args=[self.pk])
