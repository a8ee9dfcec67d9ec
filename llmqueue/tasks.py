"""Celery's side of the queue: nudges to look at the rows."""

import logging
from datetime import timedelta
from typing import Any

from celery import shared_task
from celery.signals import (
    worker_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from django.db import DatabaseError, connection
from kombu.exceptions import OperationalError

from llmconfig import client
from llmconfig.services.keys import count_unreadable
from llmqueue.pause import Pause
from llmqueue.work import runner, sweeper
from llmqueue.work.control import control

log = logging.getLogger(__name__)

# Nudges one sweep sends at the most; each worker thread that gets one drains the queue.
_MOST_NUDGES = 50
# Later than this the sweep is soon enough, and a parked message would be redelivered.
_LONGEST_NUDGE_DELAY = timedelta(minutes=1)
_CLOCK_SLACK = timedelta(seconds=0.2)
# Nudges that lay about while no worker ran tell nothing any more: the sweep will.
_NUDGE_LIFE = timedelta(minutes=1)
_pause = Pause()


@shared_task(  # type: ignore[untyped-decorator]
    name="llmqueue.work",  # fixed: a moved module must not orphan queued messages
    ignore_result=True,  # the LLMRequest row is the result
)
def work() -> None:
    """Do queued work until nothing is claimable or the worker is told to end."""
    sweeper.make_due_ready()
    while not control.is_stopping and (ran := runner.run_next()):
        if ran.again_in is not None and ran.again_in <= _LONGEST_NUDGE_DELAY:
            nudge(delay=ran.again_in + _CLOCK_SLACK)


@shared_task(name="llmqueue.sweep", ignore_result=True)  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Put right what was left lying, and nudge for what waits."""
    sweep_and_nudge()


def sweep_and_nudge() -> None:
    """One sweep; beat asks for it, and each worker does it by itself as well."""
    swept = sweeper.sweep()
    for _ in range(min(swept.claimable, _MOST_NUDGES)):
        nudge()


def nudge(*, delay: timedelta | None = None) -> None:
    """Send one message that there is work; if the broker is away, the sweep will do."""
    if _pause.is_on():
        return
    try:
        work.apply_async(
            countdown=delay.total_seconds() if delay else None,
            expires=((delay or timedelta()) + _NUDGE_LIFE).total_seconds(),
            retry=False,
        )
    except OperationalError as error:
        _pause.begin()
        log.warning("no nudge sent: %s", type(error).__name__)


@worker_init.connect  # type: ignore[untyped-decorator]
def _warm_up(**kwargs: Any) -> None:
    client.warm_up()
    _tell_unreadable_keys()


def _tell_unreadable_keys() -> None:
    """Say at the start that this worker has other encryption keys than the rows.

    Calls with such a key end with a reason that says so; nothing stored is changed.
    """
    try:
        count = count_unreadable()
    except DatabaseError:  # it may come later than the worker
        return
    finally:
        connection.close()  # this thread needs none from here on
    if count:
        log.error(
            "%s stored provider keys cannot be read: LLM_ENCRYPTION_KEYS of this worker"
            " lacks the key they were encrypted with.",
            count,
        )


@worker_ready.connect  # type: ignore[untyped-decorator]
def _start_control(**kwargs: Any) -> None:
    control.start(sweep=sweep_and_nudge)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _interrupt_calls(**kwargs: Any) -> None:
    control.interrupt_all()


@worker_shutdown.connect  # type: ignore[untyped-decorator]
def _stop_control(**kwargs: Any) -> None:
    control.stop()
