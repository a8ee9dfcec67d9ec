"""The parts of the forum, and the personas assigned to them."""

from typing import Self

from django.conf import settings
from django.contrib.postgres.aggregates import BoolOr
from django.db import models
from django.db.models import Count, Exists, OuterRef, Q, Window
from django.urls import reverse

from llmconfig.models import ModelProfile
from personas.models import Persona, Visibility


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

    def with_freedom(self) -> Self:
        """Subforums with `is_free`: no assignment narrows whom one may ask there."""
        narrowing = SubforumPersona.objects.filter(
            subforum=OuterRef("pk"), persona__visibility=Visibility.PUBLIC
        )
        return self.annotate(is_free=~Exists(narrowing))

    def with_deleted(self) -> Self:
        """Subforums with `has_deleted`: a persona that is no more is still assigned."""
        deleted = SubforumPersona.objects.filter(
            subforum=OuterRef("pk"), persona__is_active=False
        )
        return self.annotate(has_deleted=Exists(deleted))


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

    # Of `with_freedom` only.
    is_free: bool

    objects = SubforumQuerySet.as_manager()

    class Meta:
        ordering = ("position", "pk")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("forum:subforum_detail", args=[self.slug])


class SubforumPersonaQuerySet(models.QuerySet["SubforumPersona"]):
    """Questions about many assignments."""

    def usable_by(self, user: object) -> Self:
        """Assignments of personas that `user` may ask, with these, in one query."""
        usable = Persona.objects.usable_by(user).values("pk")
        return self.filter(persona__in=usable).select_related("persona")

    def deleted_for(self, user: object) -> Self:
        """Assignments of personas that are deleted, and that `user` might have asked."""
        met = Persona.objects.met_by(user).filter(is_active=False)
        return self.filter(persona__in=met.values("pk")).order_by("pk")

    def first_narrowing(self) -> "SubforumPersona | None":
        """One that `narrows`, the default if that does; None: the choice is free."""
        narrowing = self.filter(persona__visibility=Visibility.PUBLIC)
        narrowing = narrowing.select_related("persona")
        return narrowing.order_by("-is_default", "pk").first()

    def first_for(self, user: object, most: int) -> list["SubforumPersona"]:
        """At most so many: those that `user` may ask (`is_usable`), the default first.

        Each knows the `count` of these, and whether any of all narrows (`is_narrowed`).
        """
        usable = Persona.objects.usable_by(user).filter(pk=OuterRef("persona"))
        is_public = Q(persona__visibility=Visibility.PUBLIC)
        known = self.annotate(is_usable=Exists(usable)).annotate(
            count=Window(Count("pk", filter=Q(is_usable=True))),
            is_narrowed=Window(BoolOr(is_public)),
        )
        order = ("-is_usable", "-is_default", "persona__name", "pk")
        return list(known.select_related("persona").order_by(*order)[:most])


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

    objects = SubforumPersonaQuerySet.as_manager()

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

    @property
    def narrows(self) -> bool:
        """Whether it closes the place to personas that are not assigned there.

        Somebody's private persona would close it to everybody else. One that was deleted
        still narrows: its end opens the place to nobody new.
        """
        return self.persona.visibility == Visibility.PUBLIC

    @property
    def answers_unasked(self) -> bool:
        """Whether it is the default, and one that everybody may still ask."""
        return self.is_default and self.persona.is_open_to_all
