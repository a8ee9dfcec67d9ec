"""What personas are told to be: versions that stay, and drafts that nobody meets."""

from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.urls import reverse

from core.locks import read_held
from personas.models.personas import Persona


class Definition(models.Model):
    """The fields that make up a persona's nature; the prompt is built from them.

    `knowledge`, `gaps` (what it does not know), `constraints`: lists of lines.
    `sample_queries`: [{"query": what to ask it, "answer": how it would answer, or ""}].
    `tools`: keys of an allow-list. `instructions` refine what the others say.
    """

    role = models.CharField(max_length=300)
    instructions = models.TextField(blank=True)
    context = models.TextField(blank=True)
    voice = models.TextField(blank=True)
    knowledge = models.JSONField(default=list, blank=True)
    gaps = models.JSONField(default=list, blank=True)
    constraints = models.JSONField(default=list, blank=True)
    sample_queries = models.JSONField(default=list, blank=True)
    tools = models.JSONField(default=list, blank=True)

    TEXTS = ("role", "instructions", "context", "voice")
    LISTS = ("knowledge", "gaps", "constraints", "sample_queries", "tools")

    class Meta:
        abstract = True

    @property
    def says_more_than_role(self) -> bool:
        """Whether the prompt holds more of it than who the persona is."""
        lists = (self.knowledge, self.gaps, self.constraints)
        answers = any(it["answer"] for it in self.sample_queries)
        return bool(
            self.instructions or self.context or self.voice or any(lists) or answers
        )

    @property
    def unanswered_count(self) -> int:
        """Sample questions without an answer: kept, and not in the prompt."""
        return sum(not it["answer"] for it in self.sample_queries)

    @property
    def definition(self) -> dict[str, Any]:
        """The fields by name, as plain values; another definition can be made of them."""
        return {name: getattr(self, name) for name in (*self.TEXTS, *self.LISTS)}


class PersonaVersionQuerySet(models.QuerySet["PersonaVersion"]):
    """Questions about many versions."""

    def visible_to(self, user: object) -> Self:
        """Versions of personas whose page `user` may open; `readable_by` says more."""
        return self.filter(persona__in=Persona.objects.visible_to(user))

    def hold_words(self, pk: int) -> "PersonaVersion":
        """The version as it stands; nobody erases it until the transaction ends.

        Any number may hold it so at once, as a prompt is made of it.
        """
        return read_held(PersonaVersion, pk)

    def with_authors(self) -> Self:
        """Versions with who made each and which it goes back to, in the same query."""
        return self.select_related("created_by__handle", "reverted_from")

    def readable_by(self, user: object) -> Self:
        """Versions whose definition is open, and those of personas the user shapes."""
        return self.filter(persona__in=Persona.objects.readable_by(user))


class PersonaVersion(Definition):
    """What a persona was at one time. Never edited; an edit makes the next version."""

    persona = models.ForeignKey(
        Persona, on_delete=models.PROTECT, related_name="versions"
    )
    number = models.PositiveIntegerField()
    note = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(auto_now_add=True)
    reverted_from = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL
    )

    objects = PersonaVersionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["persona", "number"], name="personas_version_number_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.persona.name} {self.label}"

    def get_absolute_url(self) -> str:
        return reverse("personas:version_detail", args=[self.persona.slug, self.number])

    @property
    def label(self) -> str:
        """What it is called beside the persona's name; a draft on trial has no number."""
        return f"v{self.number}" if self.number else "(draft)"

    @property
    def is_erased(self) -> bool:
        """Whether its texts were removed for legal reasons; a role is never empty."""
        return not self.role


class PersonaDraftQuerySet(models.QuerySet["PersonaDraft"]):
    """Questions about many drafts."""

    def hold(self, pk: int) -> "PersonaDraft | None":
        """The draft as it is now, locked until the transaction ends; None if it is gone."""
        return self.select_for_update(of=["self"]).filter(pk=pk).first()


class PersonaDraft(Definition):
    """What one of a persona's editors is writing: the next version, unpublished.

    `base` is the version it began from; None: the persona was never published.
    """

    persona = models.ForeignKey(
        Persona, on_delete=models.CASCADE, related_name="drafts"
    )
    editor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    base = models.ForeignKey(
        PersonaVersion, null=True, blank=True, on_delete=models.SET_NULL
    )
    name = models.CharField(max_length=60)
    # Longer than a version's may be: what is too long is kept until it is shortened.
    role = models.TextField(blank=True)
    avatar = models.CharField(max_length=16, blank=True)
    avatar_image = models.FileField(max_length=100, blank=True, upload_to="avatars/")
    tags = ArrayField(models.CharField(max_length=30), default=list, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PersonaDraftQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["persona", "editor"], name="personas_draft_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}, draft of {self.editor_id}"
