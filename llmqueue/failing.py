"""What staff do about endpoints that fail: try one again now, or let one fail to see.

A new key of the site's is tried by itself.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from accounts.models import User
from accounts.services import record
from llmconfig.models import Endpoint
from llmqueue import tasks
from llmqueue.models import SITE_KEY_TROUBLE, Lane, Outcome, SimulatedFailure

MOST_SIMULATED_CALLS = 20
LONGEST_SIMULATION = timedelta(hours=1)

# What may be simulated: every way to fail, and nothing that would be posted.
SIMULATED = (
    Outcome.RATE_LIMITED,
    Outcome.OVERLOADED,
    Outcome.TIMED_OUT,
    Outcome.UNREACHABLE,
    Outcome.REFUSED,
    Outcome.FILTERED,
    Outcome.EMPTY,
    Outcome.MALFORMED,
    Outcome.TOO_LONG,
    Outcome.KEY_REFUSED,
    Outcome.NO_MODEL,
    Outcome.BAD_REQUEST,
)


@transaction.atomic
def resume_endpoint(*, endpoint: Endpoint, actor: User) -> bool:
    """Let calls to a paused endpoint be made again; False if it is not paused any more.

    What waits for it can be claimed at once, and its failures are counted anew.
    """
    paused = Lane.objects.paused().select_for_update(no_key=True)
    lane = paused.filter(endpoint=endpoint).first()
    if lane is None:
        return False
    Lane.objects.filter(pk=lane.pk).close()
    record(
        actor=actor,
        action="endpoint resumed",
        subject=("endpoint", endpoint.pk),
        name=endpoint.name,
        before={"failures": lane.failures, "outcome": lane.broken_by},
        after={"failures": 0},
    )
    transaction.on_commit(tasks.nudge)
    return True


def try_new_key(*, endpoint: Endpoint) -> None:
    """Let one request through at once, where it is the site's key that fails.

    If it is answered all others follow; if not, it is paused for longer.
    """
    # Without a token: what a call on the old key comes to says nothing any more.
    paused = Lane.objects.paused().filter(endpoint=endpoint)
    failing = paused.filter(broken_by__in=SITE_KEY_TROUBLE)
    if failing.update(broken_until=Now(), probe_token=None):
        transaction.on_commit(tasks.nudge)


@transaction.atomic
def simulate_failure(
    *, endpoint: Endpoint, outcome: Outcome, calls: int, lasts: timedelta, actor: User
) -> SimulatedFailure:
    """Let the next `calls` to `endpoint` fail so, within `lasts`.

    It takes the place of what was simulated there. Calls with a member's own key are made
    as ever.
    """
    before = _words(_held(endpoint))
    failure, _ = SimulatedFailure.objects.update_or_create(
        endpoint=endpoint,
        defaults={
            "outcome": outcome,
            "calls_left": min(calls, MOST_SIMULATED_CALLS),
            "until": Now() + min(lasts, LONGEST_SIMULATION),
            "made_by": actor,
        },
    )
    after = _words(_held(endpoint))
    _record("set", endpoint, actor, before=before, after=after)
    return failure


@transaction.atomic
def stop_simulating(*, endpoint: Endpoint, actor: User) -> bool:
    """Let calls be made again; False if no failure was simulated any more."""
    found = _held(endpoint)
    if found is None:
        return False
    SimulatedFailure.objects.filter(pk=found.pk).delete()
    _record("stopped", endpoint, actor, before=_words(found), after=None)
    return True


def _held(endpoint: Endpoint) -> SimulatedFailure | None:
    """What is simulated there now; who else changes it waits."""
    # Its endpoint's row first: one that is not there yet cannot be locked.
    Endpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    rows = SimulatedFailure.objects.active().select_for_update()
    return rows.filter(endpoint=endpoint).first()


def _words(failure: SimulatedFailure | None) -> dict[str, object] | None:
    if failure is None:
        return None
    return {
        "outcome": failure.outcome,
        "calls": failure.calls_left,
        "until": failure.until.isoformat(timespec="seconds"),
    }


def _record(
    verb: str,
    endpoint: Endpoint,
    actor: User,
    *,
    before: dict[str, object] | None,
    after: dict[str, object] | None,
) -> None:
    record(
        actor=actor,
        action=f"simulated_failure {verb}",
        subject=("endpoint", endpoint.pk),
        name=endpoint.name,
        before=before,
        after=after,
    )
