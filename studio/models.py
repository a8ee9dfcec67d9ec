"""Tries of personas on the test bench, and what each model made of them."""

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from forum.models import Post
from llmqueue.errors import Refused
from llmqueue.models import LLMRequest, Status
from personas.models import Persona, PersonaVersion

POST_GONE = "The post is no longer there."


class TrialQuerySet(models.QuerySet["Trial"]):
    """Questions about many trials."""

    def visible_to(self, user: object) -> Self:
        """Trials of personas that `user` shapes: a draft's words may stand in them."""
        return self.filter(persona__in=Persona.objects.shaped_by(user))

    def with_tested(self) -> Self:
        """Trials with what was tried, on what and by whom, in the same query."""
        return self.select_related(
            "persona__handle", "version__persona", "tester__handle", "post__topic"
        )


class Trial(models.Model):
    """A persona's version or draft, tried on a post or a text of the tester's.

    Without a post and without a sample: the post that was tried on is gone.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    persona = models.ForeignKey(
        Persona, on_delete=models.CASCADE, related_name="trials"
    )
    tester = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    version = models.ForeignKey(
        PersonaVersion, null=True, blank=True, on_delete=models.PROTECT
    )
    # A draft as it was at that moment: its definition and its name; see `candidates`.
    definition = models.JSONField(null=True, blank=True)
    post = models.ForeignKey(Post, null=True, blank=True, on_delete=models.SET_NULL)
    sample = models.TextField(blank=True)
    # The form's token, so that a form sent twice is one trial.
    submission = models.UUIDField(default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TrialQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="studio_trial_of_a_version_or_a_draft",
                condition=Q(version__isnull=True) ^ Q(definition__isnull=True),
            ),
            models.CheckConstraint(
                name="studio_trial_on_a_post_or_a_sample",
                condition=Q(post__isnull=True) | Q(sample=""),
            ),
            models.UniqueConstraint(
                fields=["tester", "submission"], name="studio_trial_once"
            ),
        ]

    def __str__(self) -> str:
        return f"A try of {self.persona}"

    def get_absolute_url(self) -> str:
        return reverse("studio:trial_detail", args=[self.persona.slug, self.public_id])

    def why_gone(self) -> Refused | None:
        """What it needs and is no longer there: the persona, or the post."""
        if not self.persona.is_active:
            return Refused("persona_gone", "The persona was deleted.")
        if self.post is not None and self.post.deleted_at is not None:
            return Refused("gone", POST_GONE)
        return None

    @property
    def what(self) -> str:
        """What was tried, as in "version 3"."""
        return f"version {self.version.number}" if self.version else "the draft"


class TrialRunQuerySet(models.QuerySet["TrialRun"]):
    """Questions about many runs."""

    def with_request(self) -> Self:
        """Runs with their request, its receipt and who asked, in the same query."""
        return self.select_related(
            "request__requested_by__handle",
            "request__config",
            "request__last_attempt",
            "request__lane",
        ).defer("request__last_attempt__answer")

    def in_order(self) -> Self:
        """The last run of each model, in the order in which the models were chosen."""
        return self.filter(request__retries=None).order_by("position")

    def open(self) -> Self:
        """Runs whose request still waits or is written."""
        return self.filter(request__status__in=[Status.PENDING, Status.PROCESSING])


class TrialRun(models.Model):
    """One model's part in a trial: its request, and the answer, which is never posted."""

    trial = models.ForeignKey(Trial, on_delete=models.CASCADE, related_name="runs")
    request = models.OneToOneField(
        LLMRequest, on_delete=models.PROTECT, related_name="trial_run"
    )
    # The place beside the others; one that is asked for again keeps it.
    position = models.PositiveSmallIntegerField()
    answer = models.TextField(blank=True)

    objects = TrialRunQuerySet.as_manager()

    def __str__(self) -> str:
        return f"run {self.position} of {self.trial_id}"
