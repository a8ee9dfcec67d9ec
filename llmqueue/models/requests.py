"""One piece of model work in the queue."""

import uuid
from collections.abc import Iterable
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Now
from django.urls import reverse

from llmconfig.models import Endpoint, LLMConfig
from llmqueue.models.hours import InHours
from llmqueue.models.lanes import Lane
from llmqueue.models.states import ANSWERS, FINAL, Status
from llmqueue.models.switches import Stop
from personas.models import Persona

# Reasons that a key of the member's own may mend.
_OWN_KEY_TROUBLE = ("own_key", "no_key")


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
        """Requests of `lane` that may be taken now, the next one first; locks it.

        None while it is outside of its opening hours.
        """
        return (
            self.filter(lane=lane, status=Status.PENDING, is_ready=True)
            .filter(InHours(Value(lane.endpoint_id)))
            .order_by("priority", "turn", "pk")
            .select_for_update(skip_locked=True, of=("self",))
        )

    def with_chances_left(self) -> Self:
        """Requests that one more lost worker would not end."""
        return self.filter(lapses__lt=settings.LLM_MAX_LAPSES - 1)

    def held_by_pause(self, lane: Lane) -> Self:
        """Those that wait for the paused endpoint of `lane`, also with a delay of their own.

        Not those that wait for another request or for staff.
        """
        held = self.filter(lane=lane, status=Status.PENDING, after=None, stop=None)
        return held.filter(on_own_key=False) if lane.spares_own_keys else held

    def move(self, old: Lane, new: Lane, **changes: object) -> int:
        """Let these of `old` wait in `new`, in the order they had; how many there were."""
        turn = F("turn") - old.turn + new.turn
        return self.update(lane=new, turn=turn, **changes)

    def lapsed(self) -> Self:
        """Requests whose worker has not renewed its lease, by the database's clock."""
        return self.running().filter(lease_until__lt=Now())

    def due(self) -> Self:
        """Delayed requests whose time has come."""
        return self.filter(
            status=Status.PENDING,
            is_ready=False,
            after=None,
            stop=None,
            not_before__lte=Now(),
        )

    def stopped_no_more(self) -> Self:
        """Those held for a stop that has been lifted since."""
        return self.filter(status=Status.PENDING, stop__lifted_at__isnull=False)

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
    # Another hint: it will be called with a key of the member's own, which an endpoint
    # that refuses the site's may still take.
    on_own_key = models.BooleanField(default=False, db_default=False)
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

    # Set while it waits, not ready, for a stop of its persona or place to be lifted.
    stop = models.ForeignKey(
        Stop, null=True, blank=True, on_delete=models.SET_NULL, related_name="held"
    )

    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    lapses = models.PositiveSmallIntegerField(default=0)

    error_class = models.CharField(max_length=40, blank=True)
    error_message = models.TextField(blank=True)
    # One for the web request that asked, this one and its retries: log lines have it.
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
                fields=["lane", "priority", "turn", "id"],
                condition=Q(status="pending", is_ready=True, on_own_key=True),
                name="queue_claim_own_key",
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
        return getattr(user, "is_staff", False) or self.is_asked_by(user)

    def is_asked_by(self, user: object) -> bool:
        """Whether this is the request of `user`, who may be nobody."""
        asker = self.requested_by_id
        return asker is not None and asker == getattr(user, "pk", None)

    def is_own_key_trouble_of(self, user: object) -> bool:
        """Whether it failed for want of a key that `user`, who asked, may put right."""
        return self.is_asked_by(user) and self.error_class in _OWN_KEY_TROUBLE

    @property
    def may_be_retried(self) -> bool:
        """Ended without an answer, and nobody has asked again for it yet."""
        return self.has_no_answer and not self.retries.exists()

    @property
    def has_no_answer(self) -> bool:
        """It failed or was cancelled."""
        return self.status in (Status.ERROR, Status.CANCELLED)

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
    def is_held_by_pause(self) -> bool:
        """Whether it waits for its lane's endpoint, which is paused."""
        is_held = self.lane.holds(on_own_key=self.on_own_key)
        return self.status == Status.PENDING and is_held

    @property
    def is_at_last_chance(self) -> bool:
        """Whether it ends if it loses one more worker."""
        return self.lapses + 1 >= settings.LLM_MAX_LAPSES

    @property
    def is_open(self) -> bool:
        """Still waiting or running, so a page about it should look again."""
        return self.status not in FINAL
