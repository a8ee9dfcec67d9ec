"""Posts, what they said before, and their place in the tree."""

import uuid
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from accounts.models import User
from core import markup
from core.errors import ForllmError
from forum.errors import PostDeleted, TopicLocked
from forum.models.topics import Topic, may_be_read_by
from llmqueue.models import LLMRequest
from personas.models import PersonaVersion

# A post's place in the tree is its ancestors' numbers, each this many base-36 digits.
PATH_DIGITS = 5
# Deeper replies keep their parent but stand beside it, so that paths stay indexable.
MAX_DEPTH = 100
MAX_INDENT = 5


class PostQuerySet(models.QuerySet["Post"]):
    """Questions about many posts."""

    def visible_to(self, user: object) -> Self:
        """Posts whose topic `user` may read; deleted ones keep their place."""
        return self.filter(may_be_read_by(user, topic="topic__"))

    def unchanged_for(self, user: object, *, since: datetime) -> Self:
        """Posts whose text of that time `user` may read.

        What a post said before an edit is for its author and staff (`post_history`).
        """
        if getattr(user, "is_staff", False):
            return self
        is_same = Q(edited_at=None) | Q(edited_at__lt=since)
        return self.filter(is_same | Q(author=getattr(user, "pk", None)))

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

    def written_as(self, version: PersonaVersion) -> Self:
        """What this version of a persona wrote, newest first."""
        own = self.filter(persona_version=version)
        return own.not_deleted().with_topic().order_by("-pk")

    def before(self, pk: int | None) -> Self:
        """Those that are older than the one with this key; all when None."""
        return self if pk is None else self.filter(pk__lt=pk)

    def not_deleted(self) -> Self:
        """Posts that still have their text."""
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
    # Its pictures, so that a page without any asks for none.
    images_count = models.PositiveSmallIntegerField(default=0, db_default=0)
    # Made from the form's token and the text, so that a form sent twice posts once.
    submission = models.UUIDField(null=True, blank=True, editable=False)

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
            models.CheckConstraint(
                name="forum_post_deleted_holds_no_images",
                condition=Q(deleted_at__isnull=True) | Q(images_count=0),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number} in {self.topic_id}"

    def get_absolute_url(self) -> str:
        """The page of the topic that shows this post."""
        return self.topic.url_at(self.number)

    @property
    def parent_url(self) -> str:
        """The page that shows the post this one answers; empty for the opening post."""
        return self.topic.url_at(self.parent_number) if self.parent_number else ""

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
        request = LLMRequest.objects.filter(ask__reply=self).first()
        return request.requested_by_id if request else None

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

    def why_not_answered(self, topic: Topic) -> ForllmError | None:
        """What stands against a post under this one; `topic` is its topic as of now."""
        if topic.is_locked:
            return TopicLocked()
        # Under the opening post stands what answers the topic as a whole.
        return PostDeleted() if self.deleted_at and self.number > 1 else None

    def why_not_asked(self, topic: Topic) -> ForllmError | None:
        """What stands against asking a persona to answer it; `topic` as above."""
        if self.deleted_at:
            return PostDeleted()
        return TopicLocked() if topic.is_locked else None

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
