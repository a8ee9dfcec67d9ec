"""Requests for model work, the lanes they wait in, and the attempts made for them."""

import uuid
from collections.abc import Iterable
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse

from llmconfig.models import Endpoint, LLMConfig
from personas.models import Persona, PersonaVersion


class Status(models.TextChoices):
    """Where a request stands. The last three are final and never change."""

    PENDING = "pending", "Waiting"
    PROCESSING = "processing", "Writing"
    COMPLETE = "complete", "Done"
    ERROR = "error", "Failed"
    CANCELLED = "cancelled", "Cancelled"


FINAL = (Status.COMPLETE, Status.ERROR, Status.CANCELLED)


class Lane(models.Model):
    """The line in which requests for one endpoint wait; `endpoint` null: not yet known.

    `turn` is the turn last served, so that a newcomer's first request enters at the
    front of the line and not behind somebody's ten thousandth.
    """

    endpoint = models.OneToOneField(Endpoint, null=True, on_delete=models.CASCADE)
    is_enabled = models.BooleanField(default=True)
    turn = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint"],
                name="queue_lane_one_unresolved",
                condition=Q(endpoint=None),
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return self.endpoint.name if self.endpoint else "unresolved"


class LLMRequestQuerySet(models.QuerySet["LLMRequest"]):
    """Questions about many requests, and the guarded updates of one."""

    def unfinished(self) -> Self:
        """Requests that still wait or run."""
        return self.filter(status__in=[Status.PENDING, Status.PROCESSING])

    def counting_for_turns(self) -> Self:
        """Requests that wait, run or ran; one cancelled while it waited took no turn."""
        return self.filter(
            Q(status__in=[Status.PENDING, Status.PROCESSING])
            | Q(claimed_at__isnull=False)
        )

    def running(self) -> Self:
        """Requests some worker holds."""
        return self.filter(status=Status.PROCESSING)

    def claimable(self, lane: Lane) -> Self:
        """Requests of `lane` that may be taken now, the next one first; locks it."""
        return (
            self.filter(lane=lane, status=Status.PENDING, is_ready=True)
            .order_by("priority", "turn", "pk")
            .select_for_update(skip_locked=True, of=("self",))
        )

    def lapsed(self) -> Self:
        """Requests whose worker has not renewed its lease, by the database's clock."""
        return self.running().filter(lease_until__lt=Now())

    def due(self) -> Self:
        """Delayed requests whose time has come."""
        return self.filter(
            status=Status.PENDING, is_ready=False, after=None, not_before__lte=Now()
        )

    def held_by(self, tokens: Iterable[uuid.UUID]) -> Self:
        """Running requests with one of these lease tokens."""
        return self.running().filter(lease_token__in=list(tokens))

    def ahead_of(self, request: "LLMRequest") -> Self:
        """Requests of the same lane that will be claimed before `request`."""
        return self.filter(
            Q(turn__lt=request.turn) | Q(turn=request.turn, pk__lt=request.pk),
            lane=request.lane_id,
            priority=request.priority,
            status=Status.PENDING,
            is_ready=True,
        )

    def update_held(self, request: "LLMRequest", **values: Any) -> bool:
        """Write `values` if `request` still holds its lease; False if it lost it.

        One UPDATE guarded by the lease token, so a worker that was thought dead
        cannot overwrite what another has finished.
        """
        return self._held(request).update(**values) == 1

    def lock_held(self, request: "LLMRequest") -> bool:
        """Lock the row of `request`; False if its lease is no longer held."""
        held = self._held(request).select_for_update(no_key=True)
        return bool(held.values_list("pk"))

    def give_back(self, request: "LLMRequest", **values: Any) -> bool:
        """Let `request` wait again, under the same guard; False if lost.

        It can be claimed at once unless `values` say otherwise.
        """
        ready = {"is_ready": True, "not_before": None}
        return self.update_held(
            request,
            status=Status.PENDING,
            lease_token=None,
            lease_until=None,
            **(ready | values),
        )

    def close(self, request: "LLMRequest", *, status: Status, **outcome: Any) -> bool:
        """End `request` with a final status under the same guard; False if lost."""
        return self._held(request).finish(status=status, **outcome) == 1

    def finish(self, *, status: Status, **outcome: Any) -> int:
        """End all of these with a final status; how many there were."""
        return self.update(
            status=status,
            lease_token=None,
            lease_until=None,
            is_ready=False,
            finished_at=Now(),
            **outcome,
        )

    def _held(self, request: "LLMRequest") -> Self:
        return self.running().filter(pk=request.pk, lease_token=request.lease_token)


class LLMRequest(models.Model):
    """One piece of work for a language model, and what became of it."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=20)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    # What the member chose; null leaves the choice to the resolution order.
    persona = models.ForeignKey(
        Persona, null=True, blank=True, on_delete=models.SET_NULL
    )
    config = models.ForeignKey(
        LLMConfig, null=True, blank=True, on_delete=models.SET_NULL
    )
    endpoint = models.ForeignKey(
        Endpoint, null=True, blank=True, on_delete=models.SET_NULL
    )
    mode = models.CharField(max_length=30, default="general")
    # Who will or did answer, as far as is known: the one asked for, then the one
    # frozen into the last attempt. Copies of its receipt, for filters.
    answerer = models.ForeignKey(
        Persona, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    model = models.CharField(max_length=120, blank=True)
    last_attempt = models.ForeignKey(
        "LLMAttempt", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Kept when the persona is gone, so that its absence can be told from no choice.
    asked_name = models.CharField(max_length=60, blank=True)
    # Set once the first config's calls are used up; that config is then passed over.
    fallback_config = models.ForeignKey(
        LLMConfig,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    place_kind = models.CharField(max_length=20, blank=True)
    place_key = models.CharField(max_length=40, blank=True)

    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    lane = models.ForeignKey(Lane, on_delete=models.PROTECT)
    priority = models.SmallIntegerField(default=0)
    turn = models.BigIntegerField()
    is_ready = models.BooleanField(default=True)
    not_before = models.DateTimeField(null=True, blank=True)
    after = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="children",
    )
    retry_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="retries",
    )
    idempotency_key = models.CharField(max_length=64, blank=True)

    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    lapses = models.PositiveSmallIntegerField(default=0)

    error_class = models.CharField(max_length=40, blank=True)
    error_message = models.TextField(blank=True)
    # One for a request and its retries, so that log lines tell the whole story.
    correlation_id = models.CharField(max_length=40, blank=True)

    created_at = models.DateTimeField(db_default=Now())
    claimed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = LLMRequestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="queue_llmrequest_lease_only_while_processing",
                condition=Q(
                    status="processing",
                    lease_until__isnull=False,
                    lease_token__isnull=False,
                )
                | (
                    ~Q(status="processing")
                    & Q(lease_until__isnull=True, lease_token__isnull=True)
                ),
            ),
            models.CheckConstraint(
                name="queue_llmrequest_finished_when_final",
                condition=Q(status__in=["pending", "processing"], finished_at=None)
                | Q(
                    status__in=["complete", "error", "cancelled"],
                    finished_at__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="queue_llmrequest_error_has_class",
                condition=~Q(status="error") | ~Q(error_class=""),
            ),
            models.UniqueConstraint(
                fields=["requested_by", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="queue_llmrequest_once_per_key",
            ),
            models.UniqueConstraint(
                fields=["retry_of"], name="queue_llmrequest_one_retry"
            ),
        ]
        indexes = [
            models.Index(
                fields=["lane", "priority", "turn", "id"],
                condition=Q(status="pending", is_ready=True),
                name="queue_claim",
            ),
            models.Index(
                fields=["not_before"],
                condition=Q(status="pending", is_ready=False),
                name="queue_delayed",
            ),
            models.Index(
                fields=["lane", "lease_token"],
                condition=Q(status="processing"),
                name="queue_running",
            ),
            models.Index(
                fields=["requested_by", "lane", "-turn"], name="queue_turns_of_member"
            ),
            models.Index(
                fields=["place_kind", "place_key", "-id"], name="queue_by_place"
            ),
            # The queue's page, newest first under each of its filters.
            models.Index(fields=["status", "-id"], name="queue_by_status"),
            models.Index(fields=["answerer", "-id"], name="queue_by_answerer"),
            models.Index(fields=["model", "-id"], name="queue_by_model"),
            models.Index(fields=["requested_by", "-id"], name="queue_by_member"),
            models.Index(fields=["status", "-finished_at"], name="queue_by_end"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk} {self.status}"

    def get_absolute_url(self) -> str:
        return reverse("llmqueue:request_detail", args=[self.public_id])

    def may_be_managed_by(self, user: object) -> bool:
        """Whoever asked, and staff, may cancel it or ask again."""
        if getattr(user, "is_staff", False):
            return True
        asker = self.requested_by_id
        return asker is not None and asker == getattr(user, "pk", None)

    @property
    def may_be_retried(self) -> bool:
        """Ended without an answer, and nobody has asked again for it yet."""
        ended = self.status in (Status.ERROR, Status.CANCELLED)
        return ended and not self.retries.exists()

    @property
    def answerer_name(self) -> str:
        """Who answers, as far as is known; blank while nobody in particular does."""
        return self.answerer.name if self.answerer else self.asked_name

    @property
    def is_frozen(self) -> bool:
        """Who answers it changes no more: it has begun, or its answer is paid for."""
        last = self.last_attempt
        has_answer = last is not None and last.outcome in ANSWERS
        return self.status != Status.PENDING or has_answer

    @property
    def held_token(self) -> uuid.UUID:
        """The lease token of a request that this worker holds."""
        assert self.lease_token is not None  # noqa: S101  # a claimed request has one
        return self.lease_token

    @property
    def log_name(self) -> str:
        """What log lines call it: its own id, and the one it shares with its retries."""
        return f"{self.public_id} ({self.correlation_id})"

    @property
    def is_open(self) -> bool:
        """Still waiting or running, so a page about it should look again."""
        return self.status not in FINAL


class Outcome(models.TextChoices):
    """What became of one call; unknown until it is known."""

    UNKNOWN = "unknown", "Unknown"
    ANSWERED = "answered", "Answered"
    CUT_OFF = "cut_off", "Answered, cut off at the length limit"
    EMPTY = "empty", "Empty answer"
    REFUSED = "refused", "Refused by the model"
    FILTERED = "filtered", "Held back by the provider's filter"
    MALFORMED = "malformed", "Answer not understood"
    TOO_LONG = "too_long", "Too long for the model"
    RATE_LIMITED = "rate_limited", "Asked too often"
    OVERLOADED = "overloaded", "Provider failed"
    UNREACHABLE = "unreachable", "Not reachable"
    TIMED_OUT = "timed_out", "Took too long"
    KEY_REFUSED = "key_refused", "Key refused"
    NO_MODEL = "no_model", "No such model"
    BAD_REQUEST = "bad_request", "Request refused by the provider"
    INTERRUPTED = "interrupted", "Interrupted"
    CANCELLED = "cancelled", "Cancelled"


# Outcomes whose text may be posted.
ANSWERS = (Outcome.ANSWERED, Outcome.CUT_OFF)


class LLMAttemptQuerySet(models.QuerySet["LLMAttempt"]):
    """Questions about many attempts."""

    def that_ended(self) -> Self:
        """Calls that came to an end by themselves, well or not."""
        return self.exclude(outcome__in=[Outcome.UNKNOWN, Outcome.INTERRUPTED])

    def that_answered(self) -> Self:
        """Calls whose answer may be posted and is still kept."""
        return self.filter(outcome__in=ANSWERS).exclude(answer="")


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
        """It brought no answer, though nobody cut it."""
        return self.outcome not in (
            *ANSWERS,
            Outcome.UNKNOWN,
            Outcome.INTERRUPTED,
            Outcome.CANCELLED,
        )


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


class WorkerHeartbeat(models.Model):
    """A worker process that was alive at `seen_at`."""

    name = models.CharField(max_length=100, primary_key=True)
    seen_at = models.DateTimeField()
    running_count = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name

    @classmethod
    def any_alive(cls) -> bool:
        """Whether some worker is there."""
        return cls.alive().exists()

    @classmethod
    def alive(cls) -> models.QuerySet["WorkerHeartbeat"]:
        """Those seen within three beats, by the database's clock."""
        since = Now() - 3 * settings.LLM_HEARTBEAT
        return cls.objects.filter(seen_at__gte=since)
