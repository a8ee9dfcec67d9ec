"""Faults of the provider: every way in which a call can end badly, then all of them.

Rows F30 to F46 are made together: each case has a model, a config and a member of its
own, and all are asked at once. The numbers of calls are the provider's own.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from django.conf import settings

from llmqueue.tests.labelled import halves, measure
from tests.fake_llm import Reply, Seen
from tests.faults import oracle
from tests.faults.cases import CASES, DEADLINE, DECLINED, TITLES, Case
from tests.faults.stage import ANSWER, CANARY, Stage, mark_of, wait_until
from tests.faults.trials import Trial, fault, together
from tests.forge import Forked

_MOST_GROWTH_KIB = 50 * 1024
# Between three calls to one model: 2 s and 4 s, half as long again, and a sweep each.
_PAUSES = 1.5 * (2 + 4) + 2
# Cases that end with the refusal that the first model wrote.
_BETTER_THAN_NOTHING = ("declined, alone", "declined twice", "declined, broken")


@dataclass
class _Made:
    """A case as it was set up, and the requests made of it."""

    case: Case
    model: str
    config: Any
    member: Any
    requests: dict[int, int] = field(default_factory=dict)  # request id by mark


@together({row: (title, 1, 20) for row, title in TITLES.items()})
def fail_in_every_way(stage: Stage, trials: dict[str, Trial]) -> None:
    stage.retire()
    stage.start_worker(threads=30)
    made = _ask_all(stage, trials)
    for trial in trials.values():
        for entry in made:
            if entry.case.row == trial.fault:
                _check(stage, trial, entry)
    _check_rows(stage, trials)
    _cancel_delayed()


@fault("F43", "100 MB body, 40,001 characters", short=1, long=5)
def endless(stage: Stage, trial: Trial) -> None:
    """In a worker that has made calls before, so that only two bodies make it grow."""
    stage.retire()
    worker = stage.start_worker(threads=2)
    stage.room(8)
    stage.ask(8)
    stage.wait_quiet(30)
    trial.calls, base = 8, _kib(worker, "VmRSS")
    Path(f"/proc/{worker.pid}/clear_refs").write_text("5")  # begin the peak anew
    for entry in _ask_all(stage, {"F43": trial}):
        _check(stage, trial, entry)
    growth = _kib(worker, "VmHWM") - base
    trial.notes.append(f"the worker grew by {growth / 1024:.0f} MiB at most")
    trial.expect(growth <= _MOST_GROWTH_KIB, f"it grew by {growth} KiB")


def _ask_all(stage: Stage, trials: dict[str, Trial]) -> list[_Made]:
    """Ask for every case of these rows as often as they say; wait for the ends."""
    made = [_set_up(stage, case) for case in CASES if case.row in trials]
    by_model: dict[str, Callable[[int], Reply]] = {
        "fake-1": lambda _: Reply(text=ANSWER)
    }
    for entry in made:
        replies = entry.case.replies
        by_model[entry.model] = lambda count, replies=replies: replies[  # type: ignore[misc]
            min(count, len(replies)) - 1
        ]
        by_model[f"saves {entry.model}"] = lambda _, reply=entry.case.fallback: reply  # type: ignore[misc]
    _answer_by(stage, by_model)
    rounds = next(iter(trials.values())).n
    for _ in range(rounds):
        for entry in made:
            post = stage.new_post(entry.member)
            mark = int(post.body.rpartition(" ")[2].rstrip("]"))
            asked = stage.ask_about(post, entry.member)
            entry.requests[mark] = asked.request_id
    for trial in trials.values():
        mine = [entry for entry in made if entry.case.row == trial.fault]
        trial.n = sum(len(entry.requests) for entry in mine)
    wait_until(_only_delayed, seconds=60 + 10 * rounds)
    return made


def _answer_by(stage: Stage, by_model: dict[str, Callable[[int], Reply]]) -> None:
    """Answer by the model's name and by how often this post was asked of it."""
    counts: dict[tuple[str, int], int] = {}

    def choose(seen: Seen) -> Reply:
        key = (seen.model, mark_of(seen))
        counts[key] = counts.get(key, 0) + 1
        return by_model[seen.model](counts[key])

    stage.provider.answers_by(choose)


def _set_up(stage: Stage, case: Case) -> _Made:
    from allauth.account.models import EmailAddress

    from accounts.models import User
    from core.services import claim_handle
    from llmconfig.models import AISettings

    name = f"{case.row} {case.name}"
    address = {
        "refused": f"http://127.0.0.1:{stage.refused_port}/v1",
        "tls": stage.provider.address.replace("http:", "https:"),
    }.get(case.address, case.address)
    if case.row == "F45":
        location = f"{stage.stranger.root}/v1/chat/completions"
        replies = [Reply(mode="redirect", location=location)]
        case = replace(case, replies=replies)
    endpoint = stage.make_endpoint(name, address=address, seconds=case.seconds, most=30)
    config = stage.make_config(name, endpoint, model=name)
    if case.is_saved:
        saving = stage.make_config(
            f"saves {name}", stage.endpoint, model=f"saves {name}"
        )
        config.fallback = saving
        config.save()
    handle = f"c{time.time_ns()}"
    member = User.objects.create_user(
        f"{handle}@example.com", None, handle=claim_handle(name=handle)
    )
    EmailAddress.objects.create(
        user=member, email=member.email, primary=True, verified=True
    )
    AISettings.objects.create(user=member, default_config=config)
    stage.endpoint.max_in_flight = 30
    stage.endpoint.save()
    return _Made(case, name, config, member)


def _only_delayed() -> bool:
    """Whether nothing is left but what waits for an hour."""
    return not oracle.rows(
        "SELECT 1 FROM queue_llmrequest WHERE status IN ('pending', 'processing')"
        " AND coalesce(not_before < now() + interval '10 minutes', true) LIMIT 1"
    )


def _cancel_delayed() -> None:
    from llmqueue import services
    from llmqueue.models import LLMRequest

    for request in LLMRequest.objects.unfinished():
        services.cancel(request=request, reason="The test is over.")


def _check(stage: Stage, trial: Trial, made: _Made) -> None:
    """The case's end, its exact number of calls, and its fallback's."""
    case = made.case
    seen = stage.calls_by_mark()
    for mark, pk in made.requests.items():
        status, kind = oracle.rows(
            "SELECT status, error_class FROM queue_llmrequest WHERE id = %s", pk
        )[0]
        ended = f"{status} {kind}".strip()
        trial.expect(
            ended == case.ends or ended.split()[0] == case.ends,
            f"{case.name}: ended as {ended!r}, {case.ends!r} wanted",
        )
        calls = [call for call in seen.get(mark, []) if call.model == made.model]
        saved = len(seen.get(mark, [])) - len(calls)
        trial.calls += len(calls) + saved
        trial.expect(
            len(calls) == case.calls,
            f"{case.name}: {len(calls)} calls, {case.calls} wanted",
        )
        wanted = case.is_saved and (
            case.ends == "complete" or case.row in ("F41", "F46")
        )
        trial.expect(
            bool(saved) == wanted, f"{case.name}: {saved} calls of the fallback"
        )
        trial.expect(saved <= 1, f"{case.name}: {saved} fallbacks")
        trial.expect(
            len(calls) + saved <= settings.LLM_MAX_CALLS,
            f"{case.name}: {len(calls)} calls and {saved} of the fallback",
        )
        outcomes = oracle.rows(
            "SELECT outcome FROM queue_llmattempt WHERE request_id = %s ORDER BY number",
            pk,
        )
        trial.attempts += len(outcomes)
        if case.outcome:
            trial.expect(
                outcomes[-1] == (case.outcome,), f"{case.name}: outcome {outcomes}"
            )
        if case.row in ("F36", "F37"):
            spans = [call.ended_at - call.at for call in calls if call.ended_at]
            trial.took(*spans, most=DEADLINE + 1)


def _check_rows(stage: Stage, trials: dict[str, Trial]) -> None:
    """What a row wants beside ends and calls."""
    if trial := trials.get("F31"):
        waits = oracle.rows(
            "SELECT extract(epoch FROM not_before - now()), lease_token"
            " FROM queue_llmrequest WHERE status = 'pending'"
        )
        trial.expect(waits, "none waits for an hour")
        for seconds, lease in waits:
            trial.expect(
                3000 < seconds <= 3600 and lease is None,
                f"it waits {seconds:.0f} s and holds {lease}",
            )
    if trial := trials.get("F40"):
        empty = oracle.rows("SELECT id FROM forum_post WHERE btrim(body) = ''")
        trial.expect(not empty, f"empty posts: {empty}")
    if trial := trials.get("F34"):
        _check_shortened(stage, trial)
    if trial := trials.get("F41"):
        _check_refusals(trial)
    if trial := trials.get("F42"):
        _check_mark_on_page(trial)
    if trial := trials.get("F44"):
        odd = oracle.rows(
            "SELECT id FROM queue_llmattempt WHERE cost_usd < 0 OR tokens_in < 0"
            " OR tokens_in > 100000000 OR tokens_out > 100000000"
        )
        trial.expect(not odd, f"impossible usage kept in {odd}")
    if trial := trials.get("F45"):
        hits = len(stage.stranger.requests)
        trial.expect(not hits, f"{hits} calls to the other host")
    if trial := trials.get("F46"):
        _check_ends(trial)
        _check_retry_button(trial)
    if trial := trials.get("A-SEC-1"):
        leaked = [
            post
            for (post,) in oracle.rows("SELECT body FROM forum_post")
            if CANARY in post
        ]
        trial.expect(not leaked, f"the key is in {len(leaked)} posts")


def _check_shortened(stage: Stage, trial: Trial) -> None:
    """What was too long is sent once more, and not longer than before."""
    lengths: dict[int, list[int]] = {}
    for mark, calls in stage.calls_by_mark().items():
        for call in calls:
            if call.model.startswith("F34 context"):
                lengths.setdefault(mark, []).append(len(str(call.body["messages"])))
    trial.expect(lengths, "no call was too long")
    for mark, found in lengths.items():
        trial.expect(len(found) == 2, f"{mark}: {len(found)} calls")
        trial.expect(found[-1] <= found[0], f"{mark}: longer than before: {found}")
    trial.notes.append(f"{len(lengths)} too long: 2 calls each, the second no longer")


def _check_refusals(trial: Trial) -> None:
    """Refusals in prose are posted only for want of better; how well they are known."""
    from forum.models import Ask

    posted = Ask.objects.filter(reply__body=DECLINED)
    of_config = "request__last_attempt__config__name"
    found = set(posted.values_list(of_config, flat=True))
    wanted = {f"F41 {it}" for it in _BETTER_THAN_NOTHING}
    trial.expect(found == wanted, f"refusals posted: {found}, {wanted} wanted")
    half = halves()[1]
    measured = measure(half)
    trial.notes.append(
        f"refusals in prose, {len(half)} replies held out: precision"
        f" {measured.precision:.3f}, recall {measured.recall:.3f}"
    )
    trial.expect(measured.precision >= 0.98, f"precision {measured.precision:.3f}")


def _check_ends(trial: Trial) -> None:
    """All ends within the sum of what its calls and the pauses between may take."""
    rows = oracle.rows(
        "SELECT extract(epoch FROM request.finished_at - request.created_at),"
        " request.error_message, sum(extract(epoch FROM endpoint.call_deadline))"
        " FROM queue_llmrequest request JOIN queue_llmattempt attempt"
        " ON attempt.request_id = request.id JOIN llmconfig_endpoint endpoint"
        " ON endpoint.id = attempt.endpoint_id WHERE request.status = 'error'"
        " AND request.id IN (SELECT made.request_id FROM queue_llmattempt made"
        " JOIN llmconfig_llmconfig config ON config.id = made.config_id"
        " WHERE config.name LIKE 'F46%%') GROUP BY request.id"
    )
    trial.expect(rows, "none failed")
    for seconds, message, calls in rows:
        trial.within(float(seconds), float(calls) + _PAUSES, "the end")
        trial.expect(message, "it ended without a message")
    trial.notes.append(f"ended after {max(row[0] for row in rows):.1f} s at most")


def _check_mark_on_page(trial: Trial) -> None:
    from django.test import Client

    from forum.models import Ask
    from llmqueue.models import Outcome

    asks = Ask.objects.filter(
        request__attempts__outcome=Outcome.CUT_OFF, reply__body__startswith="Two hours."
    )
    trial.expect(asks.exists(), "no reply was cut off")
    for ask in asks:
        page = Client(SERVER_NAME="127.0.0.1").get(ask.post.topic.get_absolute_url())
        trial.expect(
            "cut off" in page.content.decode().lower(), "the page shows no mark"
        )


def _check_retry_button(trial: Trial) -> None:
    from django.test import Client
    from django.urls import reverse

    from forum.models import Ask

    asks = Ask.objects.filter(request__attempts__config__name="F46 all fail")
    trial.expect(asks.exists(), "no such ask")
    for ask in asks.distinct():
        client = Client(SERVER_NAME="127.0.0.1")
        assert ask.request.requested_by is not None
        client.force_login(ask.request.requested_by)
        page = client.get(ask.post.topic.get_absolute_url()).content.decode()
        again = reverse("forum:ask_retry", args=[ask.request.public_id])
        trial.expect(again in page, "no button to try again")


def _kib(worker: Forked, name: str) -> int:
    """A figure of the worker's memory, such as its peak, VmHWM."""
    for line in Path(f"/proc/{worker.pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise RuntimeError(f"no {name}")


_SHARES = (
    (0.20, Reply(status=429, retry_after=1)),
    (0.30, Reply(status=500)),
    (0.35, Reply(mode="hang")),
    (0.40, Reply(mode="malformed")),
    (0.42, Reply(mode="drip", delay=0.1)),
)


def mixed(stage: Stage, *, usual: Reply, share: float = 1) -> Callable[[Seen], Reply]:
    """The mixture of F47 in this share of the calls; each call's lot is in the seed."""
    seed, counts = stage.random.random(), Counter[int]()

    def choose(seen: Seen) -> Reply:
        mark = mark_of(seen)
        counts[mark] += 1
        lot = random.Random(f"{seed} {mark} {counts[mark]}").random() / share
        return next((reply for limit, reply in _SHARES if lot < limit), usual)

    return choose


@fault(
    "F47", "20 % 429, 10 % 5xx, 5 % hang, 5 % malformed, 2 % drip", short=60, long=1000
)
def storm_of_failures(stage: Stage, trial: Trial) -> None:
    stage.retire()
    stage.have_workers(2, threads=16)
    stage.room(16, seconds=DEADLINE)
    usual = Reply(text=ANSWER, first_delay=0.3)
    spans = []
    for reply in (None, mixed(stage, usual=usual)):
        if reply is None:
            stage.provider.always_answers(ANSWER, first_delay=0.3)
        else:
            stage.provider.answers_by(reply)
        begun = time.monotonic()
        stage.ask(trial.n)
        trial.expect(stage.wait_quiet(120 + trial.n), "not all ended")
        spans.append(time.monotonic() - begun)
    share = spans[0] / spans[1]
    trial.notes.append(
        f"{trial.n} calm in {spans[0]:.1f} s, {trial.n} in the storm in {spans[1]:.1f} s:"
        f" throughput {share:.0%}; ended {dict(oracle.statuses())}"
    )
    if stage.is_long:
        trial.expect(share >= 0.5, f"throughput {share:.0%} of calm")
