"""Redirects with all that follows from them in the queue."""

from django.db import transaction

from accounts.models import User
from llmconfig.models import Endpoint, LLMConfig, Redirect
from llmconfig.services import redirects
from llmqueue import services as queue


@transaction.atomic
def make_redirect(
    *, endpoint: Endpoint, model: str, to: LLMConfig, reason: str, actor: User
) -> Redirect:
    """As `llmconfig`'s; what waits changes its line with it. Raises the same."""
    made = redirects.make_redirect(
        endpoint=endpoint, model=model, to=to, reason=reason, actor=actor
    )
    queue.correct_lanes()
    return made


@transaction.atomic
def undo_redirect(*, redirect: Redirect, actor: User) -> bool:
    """As `llmconfig`'s; what waits changes its line with it."""
    is_mine = redirects.undo_redirect(redirect=redirect, actor=actor)
    if is_mine:
        queue.correct_lanes()
    return is_mine
