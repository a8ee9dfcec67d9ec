"""Limits under parallel requests: not one more than is allowed, of requests and of costs."""

from decimal import Decimal
from typing import Any

from tests.fake_llm import Reply
from tests.faults import oracle
from tests.faults.broker import in_threads, press
from tests.faults.stage import ANSWER, Stage
from tests.faults.trials import Trial, fault

_AT_ONCE, _MOST, _WORKERS = 50, 10, 4
_TOKENS = 100  # of each reply, said beforehand and by the provider afterwards
_USD = Decimal("0.01")


@fault(
    "F56",
    "fifty asks at once against a limit of ten, of requests and then of costs",
    short=2,
    long=50,
)
def overshoot(stage: Stage, trial: Trial) -> None:
    """Each round with limits of its own, among others that have room for all."""
    stage.have_workers(_WORKERS)
    stage.room(_AT_ONCE, seconds=60)
    _set_price(stage)
    # In topics of their own, since asks in one topic wait for each other anyway.
    posts = [stage.new_post(stage.members[at % 5]) for at in range(_AT_ONCE)]
    deadlocks = _deadlocks()
    accepted = [_round_of_requests(stage, trial, posts) for _ in range(trial.n)]
    called = [_round_of_costs(stage, trial, posts) for _ in range(trial.n)]
    trial.expect(_deadlocks() == deadlocks, "there were deadlocks")
    over = sum(max(0, count - _MOST) for count in (*accepted, *called))
    trial.notes.append(
        f"{trial.n} rounds each: {min(accepted)} to {max(accepted)} of {_AT_ONCE} asks"
        f" accepted, {min(called)} to {max(called)} calls made, {over} too many"
    )


def _set_price(stage: Stage) -> None:
    from llmconfig.models import ModelPrice

    stage.config.max_tokens = _TOKENS
    stage.config.save()
    ModelPrice.objects.create(
        endpoint=stage.endpoint,
        model=stage.config.model,
        in_usd=0,
        out_usd=_USD * 1_000_000 / _TOKENS,
    )
    usage = {"prompt_tokens": 1, "completion_tokens": _TOKENS}
    stage.provider.answers_by(lambda _: Reply(text=ANSWER, usage=usage))


def _limits(stage: Stage, **amounts: Any) -> Any:
    """The limit that is tried, for a subforum, and wider ones that fit some of the asks."""
    from llmqueue.models import SpendLimit

    SpendLimit.objects.all().delete()
    place, site, member = ("place", f"subforum:{stage.subforum.pk}"), "site", "member"
    wide = {"requests": 1000, "tokens": 10**9, "cost_usd": 1000}
    tried = {"scope": place[0], "key": place[1], "period": "total"}
    rows = [
        SpendLimit(scope=member, key=str(stage.members[1].pk), period="daily", **wide),
        SpendLimit(**tried, **amounts),
        SpendLimit(scope="tier", key="verified", period="daily", **wide),
        SpendLimit(scope=member, key=str(stage.members[2].pk), period="total", **wide),
        SpendLimit(scope=site, key="", period="monthly", **wide),
    ]
    stage.random.shuffle(rows)
    SpendLimit.objects.bulk_create(rows)
    return SpendLimit.objects.get(**tried)


def _round_of_requests(stage: Stage, trial: Trial, posts: list[Any]) -> int:
    """How many of the asks were accepted."""
    limit = _limits(stage, requests=_MOST)
    answers: list[int] = []

    def ask(at: int) -> None:
        answers.append(press(stage, posts[at], stage.members[at % 5])[0])

    in_threads(_AT_ONCE, ask)
    accepted = answers.count(302)
    stage.submitted += accepted
    refused = answers.count(422)
    trial.expect(
        (accepted, refused) == (_MOST, _AT_ONCE - _MOST),
        f"{accepted} asks accepted, {refused} refused, {sorted(set(answers))}",
    )
    trial.expect(stage.wait_quiet(60), "not all ended")
    used = limit.buckets.get()
    trial.expect(
        (used.used_requests, used.reserved_requests) == (_MOST, 0),
        f"counted {used.used_requests}, {used.reserved_requests} still reserved",
    )
    return accepted


def _round_of_costs(stage: Stage, trial: Trial, posts: list[Any]) -> int:
    """How many calls were made for as many asks as there are posts."""
    from forum.services import asks

    limit = _limits(stage, cost_usd=_MOST * _USD)
    before = len(stage.calls())

    def ask(at: int) -> None:
        asks.ask(post=posts[at], member=stage.members[at % 5])

    in_threads(_AT_ONCE, ask)
    stage.submitted += _AT_ONCE
    trial.expect(stage.wait_quiet(60), "not all ended")
    called = len(stage.calls()) - before
    trial.expect(called == _MOST, f"{called} calls made")
    used = limit.buckets.get()
    trial.expect(
        (used.used_usd, used.reserved_usd) == (_MOST * _USD, 0),
        f"counted {used.used_usd}, {used.reserved_usd} still reserved",
    )
    ends = _ends_of_last(_AT_ONCE)
    lapsed = sum(lapses > 0 for _, lapses in ends)
    answered = sum(kind == "" for kind, _ in ends)
    trial.expect(
        {kind for kind, _ in ends} <= {"", "limit_reached"}
        # What a worker on a busy machine lost sight of is paid, and not called again.
        and _MOST - lapsed <= answered <= _MOST,
        f"{answered} answered, {lapsed} lapsed: {ends}",
    )
    return called


def _ends_of_last(count: int) -> list[tuple[str, int]]:
    """The error class and the lapses of the requests made last."""
    found: list[Any] = oracle.rows(
        "SELECT error_class, lapses FROM queue_llmrequest ORDER BY id DESC LIMIT %s",
        count,
    )
    return found


def _deadlocks() -> int:
    found: int = oracle.rows(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )[0][0]
    return found
