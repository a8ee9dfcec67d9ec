"""The parts of the forum, and the personas assigned to them."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from llmconfig.models import ModelProfile
from personas.models import Persona


class SubforumQuerySet(models.QuerySet["Subforum"]):
    """Questions about many subforums."""

    def visible_to(self, user: object) -> Self:
        """Subforums `user` may read: all of them, so far."""
        return self.all()

    def with_last_topics(self) -> Self:
        """Subforums with the topic that was answered last, and by whom, in one query."""
        return self.select_related(
            "last_topic__last_post__author__handle",
            "last_topic__last_post__persona_version__persona",
        ).defer("last_topic__last_post__body", "last_topic__last_post__html")


class Subforum(models.Model):
    """A part of the forum with its own topics and personas."""

    name = models.CharField(max_length=60, unique=True)
    slug = models.SlugField(max_length=60, unique=True)
    description = models.CharField(max_length=300, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    profile = models.ForeignKey(
        ModelProfile, null=True, blank=True, on_delete=models.SET_NULL
    )
    topics_count = models.PositiveIntegerField(default=0)
    posts_count = models.PositiveIntegerField(default=0)
    last_topic = models.ForeignKey(
        "Topic", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects = SubforumQuerySet.as_manager()

    class Meta:
        ordering = ("position", "pk")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("forum:subforum_detail", args=[self.slug])


class SubforumPersona(models.Model):
    """A persona assigned to a subforum. A subforum with none takes any persona."""

    subforum = models.ForeignKey(
        Subforum, on_delete=models.CASCADE, related_name="assignments"
    )
    persona = models.ForeignKey(Persona, on_delete=models.CASCADE)
    is_default = models.BooleanField(default=False)
    assigned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    assigned_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subforum", "persona"], name="forum_assignment_once"
            ),
            models.UniqueConstraint(
                fields=["subforum"],
                condition=Q(is_default=True),
                name="forum_assignment_one_default",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.persona_id} in {self.subforum_id}"
