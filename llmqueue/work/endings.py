"""Ending a request without an answer: its row, and its app told in one transaction."""

from typing import Any

from django.db import transaction

from llmqueue import handlers
from llmqueue.limits.settling import settle_requests
from llmqueue.models import LLMRequest, Status


@transaction.atomic
def end_held(request: LLMRequest, *, status: Status, **outcome: Any) -> bool:
    """End a request that this worker holds; False if it lost it."""
    if not LLMRequest.objects.close(request, status=status, **outcome):
        return False
    settle_requests([request.pk])
    tell(request, status)
    return True


def tell(request: LLMRequest, status: Status) -> None:
    """Let the request's app tell whoever waits that it ended without an answer."""
    handler = handlers.find(request.kind)
    if handler is not None:
        handler.ended(request, status)
