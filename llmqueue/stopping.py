"""Stopping model calls, and letting them go on: what staff do."""

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts.models import User
from accounts.services import record
from llmqueue import tasks
from llmqueue.errors import AlreadyStopped
from llmqueue.models import LLMRequest, Status, Stop, StopScope


def stop_calls(
    *, scope: StopScope, key: str = "", reason: str, cuts_running: bool, actor: User
) -> Stop:
    """Let no new call begin in this scope; within two seconds none does.

    `key` says which endpoint, persona or place (see `models.switches.stop_key_of`).
    `cuts_running`: calls that run are cut and wait with the others. Raises
    AlreadyStopped.
    """
    try:
        with transaction.atomic():
            stop = Stop.objects.create(
                scope=scope,
                key=key,
                reason=reason,
                cuts_running=cuts_running,
                set_by=actor,
            )
            _record(stop, "set", actor)
    except IntegrityError:
        raise AlreadyStopped from None
    return stop


@transaction.atomic
def lift_stop(*, stop: Stop, actor: User) -> None:
    """Let calls go on; what waited for it can be claimed at once."""
    is_lifted = (
        Stop.objects.active()
        .filter(pk=stop.pk)
        .update(lifted_at=Now(), lifted_by=actor)
    )
    if is_lifted:
        LLMRequest.objects.filter(stop=stop, status=Status.PENDING).update(
            stop=None, is_ready=True
        )
        _record(stop, "lifted", actor)
        transaction.on_commit(tasks.nudge)


def _record(stop: Stop, verb: str, actor: User) -> None:
    record(
        actor=actor,
        action=f"stop {verb}",
        subject=("stop", stop.pk),
        scope=str(stop.scope),
        key=stop.key,
        cuts_running=stop.cuts_running,
    )
