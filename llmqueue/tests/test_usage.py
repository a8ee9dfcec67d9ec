"""The days' sums: raised as calls are settled, made anew from the attempts."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from llmconfig.client import Answer
from llmconfig.models import ModelPrice
from llmqueue.answers.judging import Verdict
from llmqueue.invariants import check_queue
from llmqueue.models import DailyUsage, LLMAttempt, LLMRequest, Outcome
from llmqueue.work import claims, outcomes, runner, sweeper
from llmqueue.work.freezing import freeze

pytestmark = pytest.mark.django_db(transaction=True)

SUMS = (
    "calls",
    "tokens_in",
    "tokens_out",
    "uncounted_calls",
    "cost_usd",
    "unpriced_calls",
)


def verdict(
    tokens_in: int | None = 7,
    tokens_out: int | None = 5,
    cost_usd: Decimal | None = Decimal("0.001"),
) -> Verdict:
    answer = Answer("Soup.", "stop", "", tokens_in, tokens_out, cost_usd, 0.1, 0.2)
    return Verdict(Outcome.ANSWERED, "Soup.", answer=answer)


def totals() -> tuple[object, ...]:
    sums = DailyUsage.objects.aggregate(**{name + "_": Sum(name) for name in SUMS})
    return tuple(sums.values())


def rows() -> list[tuple[object, ...]]:
    return sorted(DailyUsage.objects.values_list("key", *SUMS))


def broken() -> list[str]:
    return [str(it) for it in check_queue()]


@pytest.fixture
def settled(note_handler, fake_config, make_request):
    """Call for a request of a member's as a worker does, with any verdict."""

    def settle(given: Verdict | None = None, **fields) -> LLMAttempt:
        make_request(endpoint=fake_config.endpoint, **fields)
        request = claims.take()
        assert request is not None
        attempt = freeze(request).attempt
        outcomes.settle(attempt, given or verdict())
        return attempt

    return settle


@pytest.mark.requirement("M-37", "C-12", "D-18", "R-75", "R-76", "D-25")
def test_a_settled_call_is_counted_for_all_it_belongs_to(
    settled, alice, bob, fake_config
):
    place = {"place_kind": "subforum", "place_key": "4"}
    first = settled(**place)
    settled(**place)
    settled(**place, member=bob)

    of_alice = DailyUsage.objects.get(member=alice)
    assert of_alice.persona.name == first.receipt["persona"]["name"]
    assert (of_alice.config, of_alice.endpoint) == (fake_config, fake_config.endpoint)
    assert (of_alice.model, of_alice.on_own_key) == (fake_config.model, False)
    assert (of_alice.place_kind, of_alice.place_key) == ("subforum", "4")
    assert (of_alice.calls, of_alice.tokens_in, of_alice.tokens_out) == (2, 14, 10)
    assert (of_alice.cost_usd, of_alice.unpriced_calls) == (Decimal("0.002"), 0)
    assert DailyUsage.objects.get(member=bob).calls == 1
    assert broken() == []


@pytest.mark.requirement("C-12", "M-44")
def test_what_is_not_known_of_a_call_is_not_zero(settled):
    settled(verdict(cost_usd=None))
    settled(verdict(tokens_out=None, cost_usd=None))
    settled()

    assert totals() == (3, 21, 10, 1, Decimal("0.001"), 2)


def test_a_call_that_was_never_sent_is_not_counted(settled):
    settled(Verdict(Outcome.KEY_REFUSED, detail="The key cannot be read."))

    assert not DailyUsage.objects.exists()
    assert broken() == []


@pytest.mark.requirement("D-32")
@pytest.mark.fault("F03")
def test_settling_twice_counts_once(settled):
    attempt = settled()

    outcomes.settle(attempt, verdict(tokens_in=100))

    assert totals()[:2] == (1, 7)


@pytest.mark.requirement("D-32")
def test_use_is_counted_with_the_attempt_or_not_at_all(settled, monkeypatch):
    def fail(attempt: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(outcomes, "record_use", fail)
    with pytest.raises(RuntimeError):
        settled()

    assert LLMAttempt.objects.get().outcome == Outcome.UNKNOWN
    assert not DailyUsage.objects.exists()


def test_a_lapsed_call_is_counted_when_its_worker_comes_back_after_all(
    pending_request,
):
    attempt = freeze(claims.take()).attempt
    LLMRequest.objects.running().update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )

    sweeper.sweep()
    assert not DailyUsage.objects.exists()
    outcomes.settle(attempt, verdict())

    assert totals()[0] == 1
    assert broken() == []


@pytest.mark.requirement("M-38", "R-76", "D-25")
def test_calls_settled_at_the_same_moment_are_all_counted(
    note_handler, fake_config, make_request
):
    for _ in range(40):
        make_request(endpoint=fake_config.endpoint)
    fake_config.endpoint.max_in_flight = 40
    fake_config.endpoint.save()
    attempts = [freeze(claims.take()).attempt for _ in range(40)]

    def settle(attempt: LLMAttempt) -> None:
        try:
            outcomes.settle(attempt, verdict())
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(settle, attempts))

    assert DailyUsage.objects.count() == 1
    assert totals()[:3] == (40, 280, 200)


@pytest.mark.requirement("M-39")
@pytest.mark.parametrize(
    ("began", "day"),
    [
        (datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC), date(2026, 3, 1)),
        (datetime(2026, 3, 2, 0, 0, 0, tzinfo=UTC), date(2026, 3, 2)),
    ],
    ids=["a second before midnight", "at midnight"],
)
def test_the_day_is_the_utc_day_on_which_the_call_began(pending_request, began, day):
    attempt = freeze(claims.take()).attempt
    LLMAttempt.objects.update(started_at=began)
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'Asia/Tokyo'")

    outcomes.settle(attempt, verdict())

    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
    assert DailyUsage.objects.get().day == day


@pytest.mark.fault("F44")
def test_absurd_counts_never_overflow_a_sum(settled):
    most = verdict(
        tokens_in=100_000_000,
        tokens_out=100_000_000,
        cost_usd=Decimal("999999.99999999"),
    )
    for _ in range(3):
        settled(most)

    assert totals()[1:] == (
        300_000_000,
        300_000_000,
        0,
        Decimal("2999999.99999997"),
        0,
    )
    assert broken() == []


@pytest.mark.fault("F44")
def test_a_cost_that_no_column_holds_is_not_known_and_the_answer_arrives(
    pending_request, note_handler, fake_config, fake_llm
):
    ModelPrice.objects.create(
        endpoint=fake_config.endpoint, model="fake-1", in_usd=999_999, out_usd=999_999
    )
    fake_llm.answers(
        text="Soup.", usage={"prompt_tokens": 10**8, "completion_tokens": 10**8}
    )

    runner.run_next()

    assert [text for _, text in note_handler.delivered] == ["Soup."]
    assert totals()[-2:] == (0, 1)


@pytest.mark.requirement("C-12", "M-38")
def test_rebuilding_gives_what_was_counted_call_by_call(settled, bob):
    for given in (verdict(), verdict(None, None, None)):
        settled(given)
        settled(given, member=bob)
    counted = rows()
    DailyUsage.objects.filter(member=bob).update(calls=99)
    assert "I7" in broken()[0]

    for _ in range(2):
        call_command("rebuild_usage", stdout=StringIO())

        assert rows() == counted
        assert broken() == []


def test_rebuilding_since_a_day_leaves_the_days_before(settled):
    attempt = settled()
    DailyUsage.objects.update(calls=5)

    call_command("rebuild_usage", since="2999-01-01", stdout=StringIO())
    assert totals()[0] == 5

    day = attempt.started_at.astimezone(UTC).date().isoformat()
    call_command("rebuild_usage", since=day, stdout=StringIO())
    assert totals()[0] == 1


def test_rebuilding_wants_a_day():
    with pytest.raises(CommandError, match="looks like"):
        call_command("rebuild_usage", since="yesterday")


def test_use_stays_when_a_member_has_gone(settled, bob):
    settled(member=bob)

    bob.delete()

    assert totals()[0] == 1
    assert broken() == []
