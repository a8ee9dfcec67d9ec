"""The stop switch: off wins, wherever it is set, and what waits goes on later."""

from uuid import uuid4

import pytest

from accounts.models import AuditEvent
from llmqueue import stopping
from llmqueue.errors import AlreadyStopped
from llmqueue.invariants import check_queue
from llmqueue.models import LLMAttempt, LLMRequest, Outcome, Status, Stop, StopScope
from llmqueue.models.switches import stop_key_of
from llmqueue.tests.conftest import run_until_quiet
from llmqueue.tests.limits import limit
from llmqueue.work import claims, control, outcomes, runner, sweeper
from llmqueue.work.freezing import freeze
from tests.conftest import wait_until
from tests.fake_llm import Reply

SCOPES = list(StopScope)


@pytest.fixture
def asked(pending_request, make_persona, staff) -> LLMRequest:
    """A request that waits, for a persona, in a place."""
    LLMRequest.objects.filter(pk=pending_request.pk).update(
        persona=make_persona("cook", owner=staff), place_kind="kitchen", place_key="7"
    )
    pending_request.refresh_from_db()
    return pending_request


def key_of(scope: StopScope, request: LLMRequest) -> str:
    return {
        StopScope.SITE: "",
        StopScope.ENDPOINT: str(request.lane.endpoint_id),
        StopScope.PERSONA: str(request.persona_id),
        StopScope.PLACE: str(stop_key_of("kitchen", "7")),
    }[scope]


def stop(scope: StopScope, key: str, staff, *, cuts_running: bool = False) -> Stop:
    return stopping.stop_calls(
        scope=scope,
        key=key,
        reason="It misbehaves.",
        cuts_running=cuts_running,
        actor=staff,
    )


@pytest.mark.requirement("M-31", "M-85", "P8")
@pytest.mark.fault("F57")
@pytest.mark.parametrize("scope", SCOPES)
def test_what_is_stopped_waits_and_goes_on_when_the_stop_is_lifted(
    asked, fake_llm, staff, scope
):
    stopped = stop(scope, key_of(scope, asked), staff)

    run_until_quiet()

    asked.refresh_from_db()
    assert asked.status == Status.PENDING
    assert fake_llm.calls() == []
    stopping.lift_stop(stop=stopped, actor=staff)
    run_until_quiet()
    asked.refresh_from_db()
    assert asked.status == Status.COMPLETE
    assert len(fake_llm.calls()) == 1


@pytest.mark.parametrize("scope", SCOPES)
def test_what_waits_for_a_stop_breaks_no_promise(asked, staff, scope):
    stop(scope, key_of(scope, asked), staff)

    runner.run_next()

    asked.refresh_from_db()
    assert asked.status == Status.PENDING
    assert [str(violation) for violation in check_queue()] == []


@pytest.mark.parametrize("scope", [it for it in SCOPES if it != StopScope.SITE])
def test_a_stop_of_another_one_stops_nothing_here(asked, fake_llm, staff, scope):
    stop(scope, "999999", staff)
    stop(StopScope.PLACE, str(stop_key_of("cellar", "7")), staff)

    run_until_quiet()

    assert len(fake_llm.calls()) == 1


@pytest.mark.parametrize("scope", SCOPES)
def test_no_call_begins_when_it_is_stopped_after_the_claim(
    asked, fake_llm, staff, scope, monkeypatch
):
    take = claims.take

    def take_and_stop(step):
        request = take(step)
        stop(scope, key_of(scope, request), staff)
        return request

    monkeypatch.setattr(claims, "take", take_and_stop)
    runner.run_next()

    asked.refresh_from_db()
    assert fake_llm.calls() == []
    assert not LLMAttempt.objects.exists()
    assert (asked.status, asked.lapses) == (Status.PENDING, 0)


@pytest.mark.fault("F57")
@pytest.mark.parametrize("scope", SCOPES)
def test_no_call_begins_when_it_is_stopped_on_the_way_to_the_provider(
    asked, fake_llm, staff, scope, monkeypatch
):
    """A broker or a pool of connections that hangs may hold a frozen call up."""
    limit(requests=1)
    limit("tier", "verified", requests=1)
    key = key_of(scope, asked)
    monkeypatch.setattr(runner, "announce", lambda ids: stop(scope, key, staff))

    runner.run_next()

    monkeypatch.setattr(runner, "announce", lambda ids: None)
    run_until_quiet()
    asked.refresh_from_db()
    assert fake_llm.calls() == []
    assert (asked.status, asked.lapses) == (Status.PENDING, 0)
    stopping.lift_stop(stop=Stop.objects.get(), actor=staff)
    run_until_quiet()
    asked.refresh_from_db()
    assert asked.status == Status.COMPLETE
    assert len(fake_llm.calls()) == 1


def test_a_stopped_persona_holds_up_no_other_of_its_lane(
    asked, make_request, fake_llm, staff
):
    stop(StopScope.PERSONA, str(asked.persona_id), staff)
    other = make_request(endpoint=asked.lane.endpoint)

    run_until_quiet()

    other.refresh_from_db()
    assert other.status == Status.COMPLETE
    assert claims.take() is None


def test_what_was_held_as_the_stop_was_lifted_is_found_by_the_sweep(asked, staff):
    stopped = stop(StopScope.PERSONA, str(asked.persona_id), staff)
    request = claims.take()
    stopping.lift_stop(stop=stopped, actor=staff)
    outcomes.hold(request, stopped)

    sweeper.sweep()

    assert claims.take() == request


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("cuts", [True, False])
def test_calls_that_run_are_cut_or_let_finish_as_was_chosen(
    asked, make_request, staff, scope, cuts, monkeypatch
):
    monkeypatch.setattr(control, "CHECK_SECONDS", 0.05)
    watching = control.Control()
    running = freeze(claims.take()).attempt
    other = make_request(endpoint=asked.lane.endpoint)
    stop(scope, key_of(scope, asked), staff, cuts_running=cuts)

    with (
        watching.watch(running.lease_token) as handle,
        watching.watch(uuid4()) as lost,  # is cut at the next look, in any case
    ):
        watching.start()
        wait_until(lambda: lost.kind)
        watching.stop()

    assert handle.kind == ("interrupted" if cuts else "")
    assert other.status == Status.PENDING


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault("F57")
def test_what_was_cut_waits_and_is_called_again_later(asked, fake_llm, staff, watching):
    stopped: list[Stop] = []

    def stop_now(seen):
        stopped.append(stop(StopScope.SITE, "", staff, cuts_running=True))
        return Reply(text="Never heard.", first_delay=20)

    fake_llm.answers_by(stop_now)
    runner.run_next()

    asked.refresh_from_db()
    assert (asked.status, asked.attempts.get().outcome) == (
        Status.PENDING,
        Outcome.INTERRUPTED,
    )
    fake_llm.answers_by(lambda seen: Reply(text="Well."))
    stopping.lift_stop(stop=stopped[0], actor=staff)
    run_until_quiet()
    asked.refresh_from_db()
    assert asked.status == Status.COMPLETE


def test_the_same_is_stopped_once_and_may_be_stopped_again_later(db, staff):
    first = stop(StopScope.SITE, "", staff)
    with pytest.raises(AlreadyStopped):
        stop(StopScope.SITE, "", staff)

    stopping.lift_stop(stop=first, actor=staff)
    stopping.lift_stop(stop=first, actor=staff)
    stop(StopScope.SITE, "", staff)

    assert Stop.objects.count() == 2
    actions = AuditEvent.objects.values_list("action", flat=True).order_by("pk")
    assert list(actions) == ["stop set", "stop lifted", "stop set"]
