"""The site's own system prompts, for personas that are told no more than their role."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower


class SystemPrompt(models.Model):
    """A text that staff wrote; the default one fills in where a persona has none."""

    name = models.CharField(max_length=60)
    text = models.TextField()
    is_default = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("name"), name="personas_systemprompt_name_once"
            ),
            models.UniqueConstraint(
                fields=["is_default"],
                condition=Q(is_default=True),
                name="personas_systemprompt_one_default",
            ),
        ]

    def __str__(self) -> str:
        return self.name
