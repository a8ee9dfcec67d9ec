"""What a member is told: about what they asked for, or that a persona was given to them."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from forum.models.asks import Ask
from personas.models import Persona, PersonaOwner


class NoticeKind(models.TextChoices):
    """What has happened."""

    READY = "ready", "answered"
    FAILED = "failed", "could not answer"
    CANCELLED = "cancelled", "will not answer"
    SHAPES = "shapes", "is yours to shape"


class NoticeQuerySet(models.QuerySet["Notice"]):
    """Questions about many notices."""

    def unseen(self) -> Self:
        return self.filter(seen_at=None)

    def with_asks(self) -> Self:
        """Notices, newest first, with what they are about, in one query."""
        rows = self.select_related(
            "ask__post__topic__subforum",
            "ask__request__answerer",
            "ask__reply__topic",
            "persona",
        )
        shaped = PersonaOwner.objects.filter(
            persona=OuterRef("persona"),
            persona__is_active=True,
            user=OuterRef("user"),
        )
        rows = rows.annotate(is_shaped=Exists(shaped))
        texts = [
            f"ask__{post}__{text}"
            for post in ("post", "reply")
            for text in ("body", "html")
        ]
        return rows.defer(*texts).order_by("-pk")

    def before(self, pk: int | None) -> Self:
        """Those that are older than the one with this key; all when None."""
        return self if pk is None else self.filter(pk__lt=pk)


class Notice(models.Model):
    """Tells a member that an ask of theirs came to an end, or a persona came to them.

    It is about either an ask or a persona.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    ask = models.OneToOneField(Ask, null=True, on_delete=models.CASCADE)
    persona = models.ForeignKey(Persona, null=True, on_delete=models.CASCADE)
    kind = models.CharField(max_length=10, choices=NoticeKind)
    created_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="forum_notice_of_ask_or_persona",
                condition=Q(ask__isnull=True) ^ Q(persona__isnull=True),
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="forum_notices_of_user"),
            models.Index(
                fields=["user"],
                condition=Q(seen_at=None),
                name="forum_notices_unseen",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.user_id}"
