"""A new key of the site's is tried at once where the old one paused its endpoint."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from llmconfig.services.endpoints import change_endpoint
from llmqueue.answers.judging import Verdict
from llmqueue.models import Lane, LLMRequest, Outcome, Status
from llmqueue.work import claims, lanes, outcomes, runner
from llmqueue.work.freezing import freeze
from tests.own_keys import bring_site_key

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note_handler")]

FAILURES = 5


@pytest.fixture
def endpoint(fake_config):
    return bring_site_key(fake_config.endpoint)


@pytest.fixture
def ask(endpoint, make_request):
    """Queue requests to the fake provider."""

    def ask(count: int) -> list[LLMRequest]:
        return [make_request(endpoint=endpoint) for _ in range(count)]

    return ask


@pytest.fixture
def pause(endpoint):
    """Pause the endpoint, as after failures of one kind."""

    def pause(outcome: Outcome) -> Lane:
        lane = lanes.lane_of(endpoint)
        Lane.objects.filter(pk=lane.pk).update(
            failures=FAILURES,
            broken_at=Now(),
            broken_until=Now() + timedelta(minutes=5),
            broken_by=outcome,
        )
        return lane

    return pause


def bring_new_key(endpoint, key: str = "sk-canary-the-new-key-of-the-site") -> None:
    """As staff do it in Settings > Endpoints."""
    change_endpoint(
        endpoint=endpoint,
        name=endpoint.name,
        api_base=endpoint.api_base,
        key=key,
        model=endpoint.default_model,
        max_in_flight=endpoint.max_in_flight,
        call_deadline=endpoint.call_deadline,
        actor=None,
        is_tried=False,
    )


def drain() -> None:
    while runner.run_next():
        pass


@pytest.mark.parametrize("outcome", [Outcome.KEY_REFUSED, Outcome.RATE_LIMITED])
def test_an_answer_on_the_new_key_ends_the_pause(
    endpoint, ask, pause, fake_llm, outcome
):
    lane, requests = pause(outcome), ask(3)
    assert claims.take() is None
    fake_llm.always_answers("Yes.")

    bring_new_key(endpoint)
    drain()

    lane.refresh_from_db()
    assert not lane.is_paused
    asked = LLMRequest.objects.filter(pk__in=[it.pk for it in requests])
    assert set(asked.values_list("status", flat=True)) == {Status.COMPLETE}


def test_a_new_key_that_is_refused_as_well_costs_one_call(
    endpoint, ask, pause, fake_llm
):
    lane = pause(Outcome.KEY_REFUSED)
    ask(3)
    fake_llm.always_answers(status=401)

    bring_new_key(endpoint)
    drain()

    lane.refresh_from_db()
    assert (lane.is_paused, lane.failures) == (True, FAILURES + 1)
    assert len(fake_llm.calls()) == 1


def test_what_a_call_on_the_old_key_comes_to_does_not_hold_up_the_new_one(
    endpoint, ask, pause
):
    lane = pause(Outcome.RATE_LIMITED)
    Lane.objects.update(broken_until=Now() - timedelta(seconds=1))
    ask(2)
    old = freeze(claims.take())

    bring_new_key(endpoint)
    outcomes.settle(old.attempt, Verdict(Outcome.RATE_LIMITED))

    lane.refresh_from_db()
    assert lane.failures == FAILURES
    assert claims.take() is not None


@pytest.mark.parametrize(
    ("outcome", "key"),
    [(Outcome.OVERLOADED, "sk-canary-the-new-key"), (Outcome.KEY_REFUSED, "")],
    ids=["other-trouble", "no-new-key"],
)
def test_nothing_else_is_tried_at_once(endpoint, ask, pause, outcome, key):
    pause(outcome)
    ask(1)

    bring_new_key(endpoint, key)

    assert claims.take() is None
