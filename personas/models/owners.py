"""Who shapes a persona."""

from django.conf import settings
from django.db import models


class OwnerRole(models.TextChoices):
    """What an owner may do with a persona."""

    OWNER = "owner", "Owner"
    EDITOR = "editor", "Editor"


class PersonaOwner(models.Model):
    """A member who shapes a persona.

    An editor does all but share it, hand it over and delete it.
    """

    persona = models.ForeignKey(
        "Persona", on_delete=models.CASCADE, related_name="owners"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    role = models.CharField(max_length=10, choices=OwnerRole, default=OwnerRole.OWNER)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["persona", "user"], name="personas_owner_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role} of {self.persona_id}"
