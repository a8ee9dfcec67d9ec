"""Subforums, topics, posts and the asks that join them to the queue."""

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Case, F, OuterRef, Q, Subquery, When, Window
from django.db.models.fields.tuple_lookups import TupleLessThan
from django.db.models.functions import RowNumber
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from accounts.models import User
from core import markup
from llmconfig.models import ModelProfile
from llmqueue.models import LLMRequest, Status
from personas.models import Persona, PersonaVersion

if TYPE_CHECKING:
    from forum.ask_states import AskState, ReceiptView

# A post's place in the tree is its ancestors' numbers, each this many base-36 digits.
PATH_DIGITS = 5
# Deeper replies keep their parent but stand beside it, so that paths stay indexable.
MAX_DEPTH = 100
MAX_INDENT = 5


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


class TopicQuerySet(models.QuerySet["Topic"]):
    """Questions about many topics."""

    def visible_to(self, user: object) -> Self:
        """Topics `user` may read: all of them, so far."""
        return self.all()

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
        opening = Post.objects.filter(topic=OuterRef("pk"), number=1)
        return self.with_people().annotate(opening_id=Subquery(opening.values("pk")))

    def by_activity(self) -> Self:
        """Pinned topics first, then the most recently answered."""
        return self.order_by("-is_pinned", "-last_post_at", "-pk")

    def after_in_list(self, is_pinned: bool, last_post_at: datetime, pk: int) -> Self:
        """The part of `by_activity` that follows a topic with these values.

        One comparison of rows, so that the index is read from there on.
        """
        key = (F("is_pinned"), F("last_post_at"), F("pk"))
        return self.filter(TupleLessThan(key, (is_pinned, last_post_at, pk)))

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


class PostQuerySet(models.QuerySet["Post"]):
    """Questions about many posts."""

    def visible_to(self, user: object) -> Self:
        """Posts whose topic `user` may read; deleted ones keep their place."""
        return self.filter(topic__in=Topic.objects.visible_to(user))

    def with_authors(self) -> Self:
        """Posts with all that their headers show, in the same query."""
        return self.select_related(
            "author__handle", "persona_version__persona"
        ).annotate(asked_by_id=F("answers__request__requested_by"))

    def with_topic(self) -> Self:
        """Posts with their headers, their topic and its subforum in one query."""
        return self.with_authors().select_related("topic__subforum")

    def latest_by(self, handle: str) -> Self:
        """What the member with this handle wrote, newest first."""
        own = self.filter(author__handle__name__iexact=handle)
        return own.not_deleted().with_topic().order_by("-pk")

    def not_deleted(self) -> Self:
        return self.filter(deleted_at=None)

    def in_tree(self) -> Self:
        """Each post followed by the posts under it, oldest first."""
        return self.order_by("path")

    def rendered_before(self, version: int) -> Self:
        """Posts whose HTML an older `core.markup` made."""
        return self.filter(render_version__lt=version).order_by("pk")

    def sent_before(
        self, *, author: User, submission: uuid.UUID | None
    ) -> "Post | None":
        """The post that the same form has made already, if there is one."""
        if submission is None:
            return None
        return self.filter(author=author, submission=submission).first()


class Post(models.Model):
    """One text in a topic, by a member or by a persona's version."""

    topic = models.ForeignKey(Topic, on_delete=models.CASCADE, related_name="posts")
    number = models.PositiveIntegerField()
    path = models.TextField(db_collation="C")
    # With `topic` a deferrable foreign key to (topic, number), made in migration 0002.
    parent_number = models.PositiveIntegerField(null=True, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT
    )
    persona_version = models.ForeignKey(
        PersonaVersion, null=True, blank=True, on_delete=models.PROTECT
    )
    body = models.TextField()
    html = models.TextField(help_text="The body, rendered by core.markup on save.")
    render_version = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    edited_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    # Made from the form's token and the text, so that a form sent twice posts once.
    submission = models.UUIDField(null=True, blank=True, editable=False)

    # What one reader's page shows with the post; set by forum.paging.
    can_edit = False
    can_delete = False
    can_see_history = False
    shows_parent = False

    # Not stored: what `ask_states.attach` sets for a page.
    open_asks: "list[Ask]"
    receipt: "ReceiptView | None"

    objects = PostQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["topic", "number"], name="forum_post_number_once"
            ),
            models.UniqueConstraint(
                fields=["topic", "path"], name="forum_post_path_once"
            ),
            models.CheckConstraint(
                name="forum_post_one_author",
                condition=Q(author__isnull=False, persona_version__isnull=True)
                | Q(author__isnull=True, persona_version__isnull=False),
            ),
            models.CheckConstraint(
                name="forum_post_root_is_first",
                condition=Q(number=1, parent_number__isnull=True)
                | Q(number__gt=1, parent_number__isnull=False),
            ),
            models.CheckConstraint(
                name="forum_post_answers_an_earlier_one",
                condition=Q(parent_number__isnull=True)
                | Q(parent_number__lt=F("number")),
            ),
            models.UniqueConstraint(
                fields=["author", "submission"], name="forum_post_submission_once"
            ),
            models.CheckConstraint(
                name="forum_post_deleted_holds_no_text",
                condition=Q(deleted_at__isnull=True) | Q(body="", html=""),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number} in {self.topic_id}"

    def get_absolute_url(self) -> str:
        """The page of the topic that begins at this post."""
        topic = self.topic.get_absolute_url()
        return f"{topic}?at={self.number}#post-{self.number}"

    @property
    def depth(self) -> int:
        """0 for the opening post."""
        return len(self.path) // PATH_DIGITS - 1

    @property
    def indent(self) -> int:
        """How far the post is set in; deeper than this a reader is told by words."""
        return min(self.depth, MAX_INDENT)

    @property
    def rendered(self) -> SafeString:
        """The body as HTML, as `core.markup` made it on save."""
        return markup.stored(self.html)

    @property
    def excerpt(self) -> str:
        """The beginning of the text, in one line."""
        return Truncator(markup.plain_text(self.body[:1000])).chars(200)

    @cached_property
    def asked_by_id(self) -> int | None:
        """Who asked for this persona's reply; `with_authors` brings it along."""
        ask = Ask.objects.select_related("request").filter(reply=self).first()
        return ask.request.requested_by_id if ask else None

    def is_editable_by(self, user: object) -> bool:
        """Only by its author; nobody edits what a persona said."""
        return self.author_id is not None and self.author_id == getattr(
            user, "pk", None
        )

    def is_deletable_by(self, user: object) -> bool:
        """By its author, by who asked for it, and by staff."""
        pk = getattr(user, "pk", None)
        if pk is None:
            return False
        owner = self.author_id or self.asked_by_id
        return owner == pk or getattr(user, "is_staff", False)

    @property
    def author_name(self) -> str:
        """The name shown above the post."""
        if self.persona_version is not None:
            return self.persona_version.persona.name
        return self.author.name if self.author else ""


class PostRevision(models.Model):
    """A post's text before an edit."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="revisions")
    body = models.TextField()
    replaced_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    replaced_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"revision {self.pk} of {self.post_id}"


class AskQuerySet(models.QuerySet["Ask"]):
    """Questions about many asks."""

    def visible_to(self, user: object) -> Self:
        """Asks in topics `user` may read."""
        return self.filter(post__topic__in=Topic.objects.visible_to(user))

    def with_request(self) -> Self:
        """Asks with their post, topic and request, and who asked, in one query."""
        return self.select_related(
            "post__topic__subforum",
            "post__author__handle",
            "post__persona_version__persona",
            "request__persona",
            "request__requested_by__handle",
            "request__lane__endpoint",
        )

    def newest(self, most: int) -> Self:
        """At most `most` of each post: open ones first; those asked again are left out."""
        is_open = Q(request__status__in=[Status.PENDING, Status.PROCESSING])
        order = [Case(When(is_open, then=0), default=1), F("pk").desc()]
        place = Window(RowNumber(), partition_by=F("post"), order_by=order)
        return (
            self.filter(request__retries=None)
            .annotate(place_in_post=place)
            .filter(place_in_post__lte=most)
        )

    def open(self) -> Self:
        """Asks whose request still waits or runs."""
        return self.filter(request__in=LLMRequest.objects.unfinished())


class Ask(models.Model):
    """A member's wish for a reply to a post, and the reply once it is there."""

    post = models.ForeignKey(Post, on_delete=models.PROTECT, related_name="asks")
    request = models.OneToOneField(LLMRequest, on_delete=models.PROTECT)
    reply = models.OneToOneField(
        Post, null=True, blank=True, on_delete=models.PROTECT, related_name="answers"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    # Not stored: what `ask_states.attach` sets for a page.
    state: "AskState"

    objects = AskQuerySet.as_manager()

    def __str__(self) -> str:
        return f"ask {self.pk} on {self.post_id}"

    def get_absolute_url(self) -> str:
        return reverse("forum:ask_detail", args=[self.request.public_id])

    def may_be_managed_by(self, user: object) -> bool:
        """Whoever asked, and staff, may cancel it, ask again, or delete the reply."""
        if getattr(user, "is_staff", False):
            return True
        asker = self.request.requested_by_id
        return asker is not None and asker == getattr(user, "pk", None)
