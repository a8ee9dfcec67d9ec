"""Requests for model work, the lanes they wait in, and the attempts made for them."""

from llmqueue.models.attempts import LLMAttempt, LLMAttemptQuerySet, PromptPart
from llmqueue.models.lanes import Lane
from llmqueue.models.requests import LLMRequest, LLMRequestQuerySet
from llmqueue.models.states import ANSWERS, FINAL, Outcome, Status
from llmqueue.models.workers import WorkerHeartbeat

__all__ = [
    "ANSWERS",
    "FINAL",
    "LLMAttempt",
    "LLMAttemptQuerySet",
    "LLMRequest",
    "LLMRequestQuerySet",
    "Lane",
    "Outcome",
    "PromptPart",
    "Status",
    "WorkerHeartbeat",
]
