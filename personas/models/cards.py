"""What a persona was imported from."""

import uuid

from django.db import models

from personas.models.personas import Persona


class PersonaCardQuerySet(models.QuerySet["PersonaCard"]):
    """Questions about many imports."""

    def sent_before(self, submission: uuid.UUID | None) -> "PersonaCard | None":
        """What the same form has made already, if there is one."""
        if submission is None:
            return None
        return self.filter(submission=submission).select_related("persona").first()


class PersonaCard(models.Model):
    """The file a persona came from, as far as no field of the persona says it.

    `source` is an object as ASCII JSON: escapes that PostgreSQL's own types refuse, such
    as lone surrogates, come out as they went in. Its keys are in `personas.portable`.
    """

    persona = models.OneToOneField(
        Persona, on_delete=models.CASCADE, related_name="card"
    )
    source = models.TextField()
    # Made from the form's token, the member and the file, so that it counts once.
    submission = models.UUIDField(null=True, blank=True, unique=True, editable=False)

    objects = PersonaCardQuerySet.as_manager()

    def __str__(self) -> str:
        return f"card of {self.persona_id}"
