"""A forge of workers that may have a flaw, as `tests.forge` is one of workers without.

One line of JSON starts one: {"log": path, "threads": n, "fail": name or "", "proxy":
folder or "", "visibility_timeout": seconds or 0, "sweep_seconds": seconds}. `fail` names
a place at which that worker dies; the application itself knows nothing of that.
"""

import importlib
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn

import django

from tests.forge.serving import serve


def main() -> None:
    django.setup()
    from forllm.celery import app
    from llmconfig import client

    app.loader.import_default_modules()
    client.warm_up()
    serve(_become_worker)


def _become_worker(order: dict[str, Any]) -> None:
    from django.conf import settings
    from django.db import connections

    from forllm.celery import app
    from llmqueue.work.control import control

    control.name = f"fault:{os.getpid()}"
    if order["proxy"]:
        connections["default"].settings_dict["HOST"] = order["proxy"]
    if seconds := order["visibility_timeout"]:
        app.conf.broker_transport_options["visibility_timeout"] = seconds
    settings.LLM_SWEEP = timedelta(seconds=order["sweep_seconds"])
    if order["fail"]:
        FAIL_POINTS[order["fail"]]()
    options = f"-P threads -c {order['threads']} --without-gossip --without-mingle"
    node = f"fault{os.getpid()}@localhost"
    app.worker_main(["worker", *options.split(), "-l", "INFO", "-n", node])


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _before_settling() -> None:
    """The provider has answered a request's first call and nobody has noted it."""
    outcomes: Any = importlib.import_module("llmqueue.work.outcomes")

    settle = outcomes.settle

    def die_at_the_first(attempt: Any, verdict: Any) -> None:
        if attempt.number == 1:
            _die()
        settle(attempt, verdict)

    outcomes.settle = die_at_the_first


def _after_settling() -> None:
    """The answer is noted, its post is not written."""
    outcomes: Any = importlib.import_module("llmqueue.work.outcomes")

    settle = outcomes.settle

    def settle_and_die(attempt: Any, verdict: Any) -> None:
        settle(attempt, verdict)
        if attempt.number == 1:
            _die()

    outcomes.settle = settle_and_die


def _after_delivering() -> None:
    """The post is written, and the message's work is not yet over."""
    outcomes: Any = importlib.import_module("llmqueue.work.outcomes")

    deliver = outcomes.deliver

    def deliver_and_die(*given: Any) -> None:
        deliver(*given)
        _die()

    outcomes.deliver = deliver_and_die


def _poisoned() -> None:
    """Every call to the model `poison` kills the worker that makes it."""
    client: Any = importlib.import_module("llmconfig.client")

    complete = client.complete

    def complete_or_die(call: Any, **how: Any) -> Any:
        if call.model == "poison":
            _die()
        return complete(call, **how)

    client.complete = complete_or_die


FAIL_POINTS: dict[str, Callable[[], None]] = {
    "before settling": _before_settling,
    "after settling": _after_settling,
    "after delivering": _after_delivering,
    "poison": _poisoned,
}


if __name__ == "__main__":
    main()
