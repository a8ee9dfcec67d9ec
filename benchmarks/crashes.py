"""Kill the worker in the middle of a call, and empty the broker: is anything lost?

    python -m tests.services -- python -m benchmarks.crashes

Real constants (lease 60 s, sweep 30 s). Twenty kills in two rounds of ten, each in the
middle of the call of a request of its own; then FLUSHALL with twenty waiting.
"""

import os
import time

import redis

from benchmarks import stage
from tests.fake_llm import FakeLLM

KILLS_PER_ROUND = 10


def main() -> None:
    with FakeLLM() as provider:
        stage.prepare(provider)
        beat = stage.start_beat()
        try:
            for round_number in (1, 2):
                kill_round(provider, round_number)
            flush(provider)
        finally:
            stage.end(beat)


def ask_once() -> object:
    from accounts.models import User
    from forum.models import Post
    from forum.services import asks

    owner = User.objects.get(is_superuser=True)
    return asks.ask(post=Post.objects.get(number=1), member=owner)


def kill_round(provider: FakeLLM, number: int) -> None:
    """Ten asks, a kill in the middle of each one's first call."""
    from llmqueue.models import LLMRequest, Status

    provider.reset()
    provider.always_answers("Two hours.")
    killed: dict[int, float] = {}
    for count in range(1, KILLS_PER_ROUND + 1):
        provider.answers(mode="hang")
        worker = stage.start_worker()
        request = ask_once().request  # type: ignore[attr-defined]
        provider.wait_for(count, seconds=60)
        stage.end(worker)
        killed[request.pk] = time.monotonic()
    worker = stage.start_worker()
    delays: dict[int, float] = {}

    def look() -> bool:
        done = LLMRequest.objects.filter(pk__in=killed, status=Status.COMPLETE)
        for pk in done.values_list("pk", flat=True):
            delays.setdefault(pk, time.monotonic() - killed[pk])
        return len(delays) == len(killed)

    stage.wait_until(look, seconds=150)
    stage.end(worker)
    report(f"round {number}: {len(killed)} kills", list(delays.values()), provider)


def flush(provider: FakeLLM) -> None:
    """Twenty asks, then FLUSHALL, then a worker: how long until each call begins?"""
    from llmqueue.models import LLMRequest, Status

    provider.reset()
    provider.always_answers("Two hours.", first_delay=0.2)
    requests = [ask_once().request.pk for _ in range(20)]  # type: ignore[attr-defined]
    redis.Redis.from_url(os.environ["REDIS_URL"]).flushall()
    flushed = time.time()
    worker = stage.start_worker()
    asked = LLMRequest.objects.filter(pk__in=requests)
    stage.wait_until(
        lambda: asked.filter(status=Status.COMPLETE).count() == 20, seconds=150
    )
    stage.end(worker)
    begun = [seen.at - flushed for seen in provider.calls()]
    report("FLUSHALL with 20 waiting", begun, provider)


def report(title: str, delays: list[float], provider: FakeLLM) -> None:
    from forum.models import Ask, Post
    from llmqueue.models import LLMRequest

    replies = Post.objects.exclude(persona_version=None).count()
    answered = Ask.objects.exclude(reply=None).count()
    states = sorted(LLMRequest.objects.values_list("status", flat=True))
    print(
        f"{title}: {len(delays)} answered, slowest {max(delays, default=0):.1f} s,"
        f" calls {len(provider.calls())}; so far replies {replies},"
        f" asks answered {answered}, states"
        f" { {state: states.count(state) for state in set(states)} }",
        flush=True,
    )


if __name__ == "__main__":
    main()
