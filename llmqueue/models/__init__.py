"""Requests for model work, the lanes they wait in, and the attempts made for them."""

from llmqueue.models.attempts import LLMAttempt, LLMAttemptQuerySet, PromptPart
from llmqueue.models.hours import InHours, ScheduleWindow, in_hours
from llmqueue.models.lanes import (
    SITE_KEY_TROUBLE,
    Lane,
    LaneQuerySet,
    pause_words,
)
from llmqueue.models.limits import (
    LimitScope,
    Period,
    Reservation,
    ReservationState,
    SpendBucket,
    SpendLimit,
)
from llmqueue.models.requests import LLMRequest, LLMRequestQuerySet
from llmqueue.models.states import ANSWERS, FINAL, REPLIES, Outcome, Status
from llmqueue.models.switches import SimulatedFailure, Stop, StopScope
from llmqueue.models.usage import DailyUsage, DailyUsageQuerySet
from llmqueue.models.workers import WorkerHeartbeat

__all__ = [
    "ANSWERS",
    "FINAL",
    "REPLIES",
    "SITE_KEY_TROUBLE",
    "DailyUsage",
    "DailyUsageQuerySet",
    "InHours",
    "LLMAttempt",
    "LLMAttemptQuerySet",
    "LLMRequest",
    "LLMRequestQuerySet",
    "Lane",
    "LaneQuerySet",
    "LimitScope",
    "Outcome",
    "Period",
    "PromptPart",
    "Reservation",
    "ReservationState",
    "ScheduleWindow",
    "SimulatedFailure",
    "SpendBucket",
    "SpendLimit",
    "Status",
    "Stop",
    "StopScope",
    "WorkerHeartbeat",
    "in_hours",
    "pause_words",
]
