"""Faults of the site's switches: stopped while calls run and others wait."""

import threading
import time
from functools import partial

from tests.fake_llm import Reply, Seen
from tests.faults import oracle
from tests.faults.stage import ANSWER, Stage
from tests.faults.trials import Trial, fault

_RUNNING, _WAITING = 4, 50
_STOP_SECONDS = 2.0


@fault("F57", "all calls stopped with four running and fifty waiting", short=2, long=20)
def stop_switch(stage: Stage, trial: Trial) -> None:
    """No call begins two seconds after the switch; what ran is cut, or ends, by turns."""
    from llmqueue import stopping
    from llmqueue.models import StopScope

    stage.retire()
    for _ in range(2):
        stage.start_worker(threads=4)
    stage.room(_RUNNING, seconds=120)
    late = cut = 0
    for at in range(trial.n):
        before, is_stopped, cuts = len(stage.calls()), threading.Event(), bool(at % 2)
        stage.provider.answers_by(partial(_answer_late, is_stopped, 20 if cuts else 2))
        stage.ask(_RUNNING + _WAITING)
        stage.provider.wait_for(before + _RUNNING, seconds=60)
        stop = stopping.stop_calls(
            scope=StopScope.SITE,
            reason="A test.",
            cuts_running=cuts,
            actor=stage.members[0],
        )
        stopped_at = time.time()
        is_stopped.set()
        stage.provider.answers_by(lambda _: Reply(text=ANSWER))
        time.sleep(_STOP_SECONDS + 3)
        since = [seen for seen in stage.calls()[before:] if seen.at > stopped_at]
        late += sum(seen.at > stopped_at + _STOP_SECONDS for seen in since)
        closed = [seen.ended == "client closed" for seen in stage.calls()[before:]]
        cut += sum(closed)
        trial.expect(bool(sum(closed)) == cuts, f"round {at}: {sum(closed)} calls cut")
        waiting = stage.unfinished()
        trial.expect(waiting >= _WAITING, f"only {waiting} wait")
        stopping.lift_stop(stop=stop, actor=stage.members[0])
        trial.expect(stage.wait_quiet(90), "not all ended")
    trial.expect(late == 0, f"{late} calls began after two seconds")
    states = dict(oracle.statuses())
    total = trial.n * (_RUNNING + _WAITING)
    trial.expect(states == {"complete": total}, f"ended as {states}")
    trial.notes.append(f"{total} asks, {late} late calls, {cut} cut")


def _answer_late(is_stopped: threading.Event, seconds: float, _: Seen) -> Reply:
    """Let calls run until the stop, however long the asking takes, and then go on."""
    is_stopped.wait(60)
    return Reply(text=ANSWER, first_delay=seconds)
