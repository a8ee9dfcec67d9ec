"""Setting the opening hours of the queue: what staff do."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from accounts.models import User
from accounts.services import record
from llmconfig.models import Endpoint
from llmqueue import tasks
from llmqueue.models import ScheduleWindow


@transaction.atomic
def create_window(
    *,
    endpoint: Endpoint | None,
    weekdays: Sequence[int],
    start_hour: int,
    end_hour: int,
    actor: User,
) -> ScheduleWindow:
    """Let calls begin in these hours, and with the first one in these alone.

    `endpoint` None: of the whole site. `weekdays`: 1 is Monday, 7 is Sunday.
    """
    window = ScheduleWindow.objects.create(
        endpoint=endpoint,
        weekdays=weekdays,
        start_hour=start_hour,
        end_hour=end_hour,
        made_by=actor,
    )
    _record(actor, "hours created", window, before=None, after=_plain(window))
    _nudge()
    return window


@transaction.atomic
def change_window(
    *,
    window: ScheduleWindow,
    endpoint: Endpoint | None,
    weekdays: Sequence[int],
    start_hour: int,
    end_hour: int,
    actor: User,
) -> ScheduleWindow:
    """Change for what it holds, and when; calls that run are let finish."""
    given = {
        "endpoint": endpoint,
        "weekdays": weekdays,
        "start_hour": start_hour,
        "end_hour": end_hour,
    }
    return _change(window, "hours changed", actor, given)


@transaction.atomic
def switch_window(
    *, window: ScheduleWindow, is_enabled: bool, actor: User
) -> ScheduleWindow:
    """Let it hold or not; while none does, calls may begin at any time."""
    action = f"hours switched_{'on' if is_enabled else 'off'}"
    return _change(window, action, actor, {"is_enabled": is_enabled})


@transaction.atomic
def delete_window(*, window: ScheduleWindow, actor: User) -> None:
    """Delete it; without another, calls may begin at any time."""
    held = ScheduleWindow.objects.select_for_update().filter(pk=window.pk).first()
    if held is None:  # pressed twice
        return
    _record(actor, "hours deleted", held, before=_plain(held), after=None)
    held.delete()
    _nudge()


def _change(
    window: ScheduleWindow, action: str, actor: User, given: dict[str, Any]
) -> ScheduleWindow:
    held = ScheduleWindow.objects.select_for_update(no_key=True).get(pk=window.pk)
    before = _plain(held)
    for name, value in given.items():
        setattr(held, name, value)
    if (after := _plain(held)) != before:
        held.save(update_fields=list(given))
        _record(actor, action, held, before=before, after=after)
        _nudge()
    return held


def _nudge() -> None:
    """What waits may begin now; a sweep nudges as well, also when the hours come."""
    transaction.on_commit(tasks.nudge)


def _plain(window: ScheduleWindow) -> dict[str, object]:
    return {
        "endpoint": window.endpoint_id,
        "weekdays": list(window.weekdays),
        "start_hour": window.start_hour,
        "end_hour": window.end_hour,
        "is_enabled": window.is_enabled,
    }


def _record(actor: User, action: str, window: ScheduleWindow, **detail: object) -> None:
    record(actor=actor, action=action, subject=("hours", window.pk), **detail)
