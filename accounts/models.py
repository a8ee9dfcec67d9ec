"""Members."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
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
