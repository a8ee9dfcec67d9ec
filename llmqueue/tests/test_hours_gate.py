"""Opening hours: what they hold up, and that nothing is lost by them."""

from collections.abc import Callable
from datetime import UTC, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from llmconfig.models import Endpoint
from llmqueue import scheduling, tasks
from llmqueue.hours import OpeningHours
from llmqueue.models import Lane, LLMRequest, ScheduleWindow, Status
from llmqueue.tests.conftest import run_until_quiet
from llmqueue.tests.hours import EVERY_DAY, open_again, shut, window
from llmqueue.work import claims, runner, sweeper
from tests.fake_llm import Reply, Seen
from tests.races import start, wait_until_blocked

pytestmark = pytest.mark.django_db


@pytest.mark.requirement("O-10", "C-15")
@pytest.mark.parametrize("has_one_that_is_off", [False, True])
def test_without_hours_it_is_always_open(
    make_request, make_endpoint, has_one_that_is_off
):
    if has_one_that_is_off:
        shut()
        ScheduleWindow.objects.update(is_enabled=False)
    request = make_request(endpoint=make_endpoint())

    assert OpeningHours().of(None) is None
    assert claims.take() == request


@pytest.mark.requirement("C-15", "F-59")
def test_what_is_asked_outside_of_the_hours_waits_and_is_taken_within_them(
    make_request, make_endpoint
):
    shut()
    known, unknown = make_request(endpoint=make_endpoint()), make_request()

    assert claims.take() is None

    for request in (known, unknown):
        request.refresh_from_db()
        assert (request.status, request.lapses) == (Status.PENDING, 0)
    open_again()
    assert {claims.take(), claims.take()} == {known, unknown}


@pytest.mark.requirement("C-15")
def test_an_endpoint_with_hours_of_its_own_goes_by_those_alone(
    make_request, make_endpoint
):
    night, own, off = make_endpoint(), make_endpoint(), make_endpoint()
    shut()
    window(EVERY_DAY, 0, 0, of=own)
    window(EVERY_DAY, 0, 0, of=off, is_enabled=False)
    for endpoint in (night, off):
        make_request(endpoint=endpoint)
    request = make_request(endpoint=own)
    make_request()

    assert [claims.take(), claims.take()] == [request, None]
    hours = OpeningHours()
    assert hours.of(own.pk).is_open
    assert not hours.of(night.pk).is_open
    assert not hours.of(off.pk).is_open


@pytest.mark.requirement("C-15")
def test_hours_of_one_endpoint_hold_up_no_other(make_request, make_endpoint):
    night = make_endpoint()
    shut(of=night)
    make_request(endpoint=night)
    request = make_request(endpoint=make_endpoint())
    unknown = make_request()

    assert {claims.take(), claims.take()} == {request, unknown}
    assert claims.take() is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("F-59")
def test_who_waited_for_the_lane_sees_that_the_hours_have_ended(
    make_request, make_endpoint
):
    request = make_request(endpoint=make_endpoint())

    with transaction.atomic():
        Lane.objects.select_for_update().get(pk=request.lane_id)
        taken = start(claims.take)
        wait_until_blocked(taken)
        shut()

    assert taken.result(30) is None
    request.refresh_from_db()
    assert request.status == Status.PENDING


def as_the_hours_end(
    endpoint: Endpoint | None, reply: Reply
) -> Callable[[Seen], Reply]:
    """A provider that answers just after hours of this endpoint, or the site, have ended."""

    def answer(seen: Seen) -> Reply:
        try:
            shut(of=endpoint)
        finally:
            connection.close()
        return reply

    return answer


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("F-59")
def test_a_call_that_runs_as_the_hours_end_is_delivered(
    pending_request, note_handler, fake_llm
):
    fake_llm.answers_by(as_the_hours_end(None, Reply(text="Two hours.")))

    runner.run_next()

    assert note_handler.delivered == [(pending_request.pk, "Two hours.")]


@pytest.mark.requirement("F-59")
def test_a_second_try_waits_for_the_hours(pending_request, note_handler, fake_llm):
    fake_llm.answers(status=503)
    runner.run_next()
    shut()

    run_until_quiet()

    pending_request.refresh_from_db()
    assert pending_request.status == Status.PENDING
    assert len(fake_llm.calls()) == 1
    open_again()
    fake_llm.always_answers("Back.")
    run_until_quiet()
    assert note_handler.delivered == [(pending_request.pk, "Back.")]


@pytest.fixture
def elsewhere(fake_config, make_config) -> Endpoint:
    """Where the fallback of the site's default model is."""
    endpoint = Endpoint.objects.create(
        name="Elsewhere", provider="compatible", api_base=fake_config.endpoint.api_base
    )
    fake_config.fallback = make_config("second", endpoint=endpoint)
    fake_config.save()
    return endpoint


@pytest.mark.requirement("F-59")
def test_a_fallback_waits_for_the_hours_of_its_endpoint(
    pending_request, elsewhere, note_handler, fake_llm
):
    shut(of=elsewhere)
    fake_llm.answers(status=404)
    fake_llm.always_answers("From elsewhere.")

    run_until_quiet()

    pending_request.refresh_from_db()
    assert pending_request.lane.endpoint == elsewhere
    assert pending_request.status == Status.PENDING
    open_again()
    run_until_quiet()
    assert note_handler.delivered == [(pending_request.pk, "From elsewhere.")]


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("F-59")
def test_a_fallback_is_asked_though_the_hours_of_the_first_have_ended(
    pending_request, elsewhere, note_handler, fake_llm
):
    first = pending_request.lane.endpoint
    fake_llm.answers_by(as_the_hours_end(first, Reply(status=404)))
    runner.run_next()
    fake_llm.answers_by(lambda seen: Reply(text="From elsewhere."))

    run_until_quiet()

    assert note_handler.delivered == [(pending_request.pk, "From elsewhere.")]


@pytest.mark.requirement("F-59")
def test_the_sweep_nudges_for_what_waits_once_the_hours_have_come(
    make_request, make_endpoint
):
    make_request(endpoint=make_endpoint())
    shut()
    assert sweeper.sweep().claimable == 0

    open_again()

    assert sweeper.sweep().claimable == 1


@pytest.mark.requirement("F-59")
def test_nobody_is_given_up_who_could_not_be_called_for_the_hours(
    pending_request, note_handler, fake_llm, settings
):
    """The endpoint was paused as the hours ended, and they have just begun again."""
    settings.LLM_BREAKER_PATIENCE = timedelta(hours=2)
    now, long_ago = timezone.now(), timezone.now() - timedelta(hours=30)
    LLMRequest.objects.update(created_at=long_ago)
    Lane.objects.update(
        failures=5, broken_at=long_ago, broken_until=long_ago, broken_by="overloaded"
    )
    shut()
    sweeper.sweep()
    ScheduleWindow.objects.update(
        weekdays=[now.astimezone(UTC).isoweekday()],
        start_hour=now.astimezone(UTC).hour,
        end_hour=(now.astimezone(UTC).hour + 2) % 24,
    )
    sweeper.sweep()
    fake_llm.always_answers("Back.")

    run_until_quiet()

    assert note_handler.delivered == [(pending_request.pk, "Back.")]


@pytest.mark.requirement("F-59", "F-15")
def test_who_waits_is_nudged_as_the_hours_are_changed(
    staff, monkeypatch, django_capture_on_commit_callbacks
):
    nudges: list[str] = []
    monkeypatch.setattr(tasks, "nudge", lambda: nudges.append("now"))
    hours = {"endpoint": None, "weekdays": [1], "start_hour": 8, "end_hour": 9}

    with django_capture_on_commit_callbacks(execute=True):
        made = scheduling.create_window(actor=staff, **hours)
        scheduling.change_window(
            window=made, actor=staff, **(hours | {"weekdays": [2]})
        )
        scheduling.change_window(
            window=made, actor=staff, **(hours | {"weekdays": [2]})
        )
        scheduling.switch_window(window=made, is_enabled=False, actor=staff)
        scheduling.delete_window(window=made, actor=staff)
        scheduling.delete_window(window=made, actor=staff)

    assert len(nudges) == 4
