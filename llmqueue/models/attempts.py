"""The calls made for requests, and the prompts that were sent."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from llmconfig.models import Endpoint, LLMConfig
from llmqueue.models.requests import LLMRequest
from llmqueue.models.states import ANSWERS, REPLIES, Outcome, Status
from personas.models import PersonaVersion


class LLMAttemptQuerySet(models.QuerySet["LLMAttempt"]):
    """Questions about many attempts."""

    def that_ended(self) -> Self:
        """Calls that came to an end by themselves, well or not."""
        return self.exclude(outcome__in=[Outcome.UNKNOWN, Outcome.INTERRUPTED])

    def with_text(self) -> Self:
        """Calls whose text may be posted and is still kept."""
        return self.filter(outcome__in=REPLIES).exclude(answer="")

    def that_declined(self) -> Self:
        """Calls whose model said no, by its own signal or in prose, in words still kept."""
        said_no = [Outcome.DECLINED, Outcome.REFUSED]
        return self.filter(outcome__in=said_no).exclude(answer="")

    def with_loss(self) -> Self:
        """With `is_lost`: it has no outcome, and no worker is left that would bring one.

        That of a cancelled request is given a lease's time for its end.
        """
        taken_back = Q(request__status=Status.PROCESSING) & ~Q(
            lease_token=F("request__lease_token")
        )
        long_ago = Q(
            request__status=Status.CANCELLED,
            request__finished_at__lt=Now() - settings.LLM_LEASE,
        )
        over = Q(request__status__in=[Status.PENDING, Status.COMPLETE, Status.ERROR])
        return self.annotate(
            is_lost=Q(outcome=Outcome.UNKNOWN) & (over | taken_back | long_ago)
        )


class LLMAttempt(models.Model):
    """One call to a model made for a request; these rows are the truth about use."""

    request = models.ForeignKey(
        LLMRequest, on_delete=models.PROTECT, related_name="attempts"
    )
    number = models.PositiveSmallIntegerField()
    lease_token = models.UUIDField()
    # The explanation as text, valid after the rows it names have changed or gone.
    receipt = models.JSONField()
    # Null: a draft that was tried; the receipt and the parts say what it was.
    persona_version = models.ForeignKey(
        PersonaVersion, null=True, on_delete=models.PROTECT
    )
    config = models.ForeignKey(LLMConfig, null=True, on_delete=models.SET_NULL)
    endpoint = models.ForeignKey(Endpoint, null=True, on_delete=models.SET_NULL)
    # Null: the site's key.
    key_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    outcome = models.CharField(max_length=20, choices=Outcome, default=Outcome.UNKNOWN)
    outcome_detail = models.TextField(blank=True)
    # Nothing was sent: staff let it fail (see SimulatedFailure).
    is_simulated = models.BooleanField(default=False, db_default=False)
    answer = models.TextField(blank=True, help_text="Cleaned text, posted or not.")
    tokens_in = models.PositiveIntegerField(null=True)
    tokens_out = models.PositiveIntegerField(null=True)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=8, null=True)
    started_at = models.DateTimeField(db_default=Now())
    first_text_seconds = models.FloatField(null=True)
    total_seconds = models.FloatField(null=True)

    objects = LLMAttemptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request", "number"], name="queue_attempt_number_once"
            ),
            models.CheckConstraint(
                name="queue_attempt_cost_not_negative",
                condition=Q(cost_usd__isnull=True) | Q(cost_usd__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.request_id}: {self.outcome}"

    @property
    def has_failed(self) -> bool:
        """It brought nothing that is posted at once, though nobody cut it."""
        return self.outcome not in (
            *ANSWERS,
            Outcome.UNKNOWN,
            Outcome.INTERRUPTED,
            Outcome.CANCELLED,
        )

    @property
    def was_sent(self) -> bool:
        """It may have reached the provider, which may count and charge it."""
        if self.is_simulated:
            return False
        if self.outcome == Outcome.UNREACHABLE:
            return False
        # Without a time it ended before it began: a key of ours that cannot be read, or
        # a worker that was about to stop.
        begun = self.total_seconds is not None
        return begun or self.outcome not in (Outcome.KEY_REFUSED, Outcome.INTERRUPTED)

    @property
    def is_free(self) -> bool:
        """The provider turned it away before it wrote a word."""
        turned_away = self.outcome in (
            Outcome.RATE_LIMITED,
            Outcome.OVERLOADED,
            Outcome.KEY_REFUSED,
            Outcome.NO_MODEL,
            Outcome.BAD_REQUEST,
            Outcome.TOO_LONG,
        )
        return turned_away and self.first_text_seconds is None


class PromptPart(models.Model):
    """One part of the prompt as it was sent; `source` names what it was made from.

    A table of its own keeps the queue's rows small.
    """

    attempt = models.ForeignKey(
        LLMAttempt, on_delete=models.CASCADE, related_name="parts"
    )
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=20)
    role = models.CharField(max_length=10)
    source_kind = models.CharField(max_length=20, blank=True)
    source_key = models.CharField(max_length=40, blank=True)
    text = models.TextField(blank=True)
    tokens = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["attempt", "position"], name="queue_part_position_once"
            ),
        ]
        indexes = [
            models.Index(fields=["source_kind", "source_key"], name="queue_part_source")
        ]

    def __str__(self) -> str:
        return f"{self.kind} of attempt {self.attempt_id}"
