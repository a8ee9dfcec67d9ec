from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from llmqueue.errors import ERROR_CLASSES
from llmqueue.models import LLMRequest, Status
from llmqueue.work import claims, sweeper


def lapse(request: LLMRequest) -> None:
    LLMRequest.objects.filter(pk=request.pk).update(
        lease_until=Now() - timedelta(seconds=1)
    )


@pytest.mark.requirement("F-61", "O-11")
@pytest.mark.fault("F02")
def test_sweep_takes_back_a_request_whose_worker_is_gone(make_request, make_endpoint):
    request = make_request(endpoint=make_endpoint())
    lapse(claims.take())

    swept = sweeper.sweep()

    request.refresh_from_db()
    assert swept.lapsed == 1
    assert (request.status, request.lapses) == (Status.PENDING, 1)
    assert claims.take() == request


def test_sweep_leaves_a_renewed_lease_alone(make_request, make_endpoint):
    make_request(endpoint=make_endpoint())
    held = claims.take()

    assert sweeper.sweep().lapsed == 0
    held.refresh_from_db()
    assert held.status == Status.PROCESSING


@pytest.mark.fault("F06")
def test_sweep_ends_a_request_after_three_lapses(make_request, make_endpoint):
    request = make_request(endpoint=make_endpoint())
    for _ in range(3):
        lapse(claims.take())
        sweeper.sweep()

    request.refresh_from_db()
    assert (request.status, request.error_class) == (Status.ERROR, "crashed")
    assert request.error_message == ERROR_CLASSES["crashed"]
    assert request.lapses == 3
    assert claims.take() is None


@pytest.mark.fault("F09")
def test_sweep_does_not_touch_what_was_finished_meanwhile(make_request, make_endpoint):
    make_request(endpoint=make_endpoint())
    held = claims.take()
    lapse(held)
    LLMRequest.objects.close(held, status=Status.COMPLETE)

    assert sweeper.sweep().lapsed == 0


def test_a_lost_lease_cannot_close(make_request, make_endpoint):
    make_request(endpoint=make_endpoint())
    first = claims.take()
    lapse(first)
    sweeper.sweep()
    second = claims.take()

    assert not LLMRequest.objects.close(first, status=Status.COMPLETE)
    assert LLMRequest.objects.close(second, status=Status.COMPLETE)


def test_sweep_makes_due_requests_ready(make_request, make_endpoint):
    endpoint = make_endpoint()
    past, future = timezone.now() - timedelta(1), timezone.now() + timedelta(1)
    due = make_request(endpoint=endpoint, is_ready=False, not_before=past)
    make_request(endpoint=endpoint, is_ready=False, not_before=future)

    assert sweeper.sweep() == sweeper.Swept(ready=1, lapsed=0, claimable=1)
    assert claims.take() == due
