"""Members, and the record of what people changed."""

from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower, Now
from django.urls import reverse

from core.models import Handle


class UserManager(BaseUserManager["User"]):
    """Makes members, whose name is their handle and whose sign-in is their email."""

    def create_user(
        self, email: str, password: str | None = None, **fields: Any
    ) -> "User":
        """A saved member; `fields` holds at least `handle`, a saved Handle."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractUser):
    """A member. People are named by their handle and sign in with their email."""

    username = None  # type: ignore[assignment]  # the handle takes its place
    first_name = None  # type: ignore[assignment]  # display_name takes their place
    last_name = None  # type: ignore[assignment]

    handle = models.OneToOneField(Handle, on_delete=models.PROTECT)
    email = models.EmailField(unique=True)
    display_name = models.CharField(max_length=60, blank=True)
    bio = models.TextField(max_length=2000, blank=True)
    timezone = models.CharField(max_length=50, default="UTC")
    # Kept by forum.services.notices, so that every page shows it without a query.
    unseen_notices = models.PositiveIntegerField(default=0)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="accounts_user_email_once"),
        ]

    def __str__(self) -> str:
        return self.handle.name

    @property
    def name(self) -> str:
        return self.display_name or self.handle.name

    def get_absolute_url(self) -> str:
        return reverse("accounts:member_detail", args=[self.handle.name])


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    """Questions about many events."""

    def narrowed(self, *, actor: int | None, kind: str, key: str) -> Self:
        """By who did it and what to; empty: whoever, whatever. Newest first."""
        wanted = {"actor": actor, "subject_kind": kind, "subject_key": key}
        found = self.filter(**{name: value for name, value in wanted.items() if value})
        return found.select_related("actor__handle").order_by("-pk")

    def before(self, pk: int | None) -> Self:
        """Those that are older than the one with this key; all when None."""
        return self if pk is None else self.filter(pk__lt=pk)


class AuditEvent(models.Model):
    """What somebody changed or looked into, for whoever asks later.

    Append-only: the database refuses to change or delete a row (migration 0003). The
    subject is a kind and a key, since what it names may lie above and may be gone.
    """

    at = models.DateTimeField(db_default=Now())
    # Null: a command or the site itself.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT
    )
    action = models.CharField(max_length=60)
    subject_kind = models.CharField(max_length=30)
    subject_key = models.CharField(max_length=60)
    detail = models.JSONField(default=dict, blank=True)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["subject_kind", "subject_key", "-id"],
                name="accounts_audit_by_subject",
            ),
            models.Index(fields=["actor", "-id"], name="accounts_audit_by_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.action} of {self.subject_kind} {self.subject_key}"
