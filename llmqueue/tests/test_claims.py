import threading
from collections import Counter

import pytest
from django.db import connection

from llmqueue.models import Lane, LLMRequest, Status, Stop
from llmqueue.work import claims, lanes


def claim_all() -> list[int]:
    """The ids of all that can be claimed, in order, each ended before the next."""
    taken = []
    while (request := claims.take()) is not None:
        taken.append(request.pk)
        LLMRequest.objects.close(request, status=Status.COMPLETE)
    return taken


def in_threads(count: int, work) -> None:
    def run():
        try:
            work()
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


@pytest.mark.django_db
def test_take_gives_none_when_nothing_waits():
    assert claims.take() is None


def test_take_gives_a_lease_by_the_databases_clock(make_request, make_endpoint):
    request = make_request(endpoint=make_endpoint())

    taken = claims.take()

    assert taken == request
    assert taken.status == Status.PROCESSING
    assert taken.lease_token is not None
    assert taken.lease_until > taken.claimed_at


def test_a_members_backlog_stands_behind_everybodys_first(
    make_request, make_endpoint, alice, bob, carol
):
    endpoint = make_endpoint()
    backlog = [make_request(member=alice, endpoint=endpoint).pk for _ in range(5)]
    bobs = make_request(member=bob, endpoint=endpoint).pk
    carols = make_request(member=carol, endpoint=endpoint).pk

    assert claim_all() == [backlog[0], bobs, carols, *backlog[1:]]


def test_a_newcomer_enters_at_the_turn_now_served(
    make_request, make_endpoint, alice, bob
):
    endpoint = make_endpoint()
    backlog = [make_request(member=alice, endpoint=endpoint).pk for _ in range(6)]
    for _ in range(3):
        LLMRequest.objects.close(claims.take(), status=Status.COMPLETE)

    bobs = make_request(member=bob, endpoint=endpoint).pk

    assert claim_all()[:2] == [bobs, backlog[3]]


def test_a_newcomers_second_stands_behind_those_who_waited(
    make_request, make_endpoint, alice, bob, carol
):
    """The lane remembers how far it is, also when nobody's turn tells it any more."""
    endpoint = make_endpoint()
    for _ in range(3):
        make_request(member=alice, endpoint=endpoint)
        make_request(member=bob, endpoint=endpoint)
    for _ in range(4):
        LLMRequest.objects.close(claims.take(), status=Status.COMPLETE)

    carols = [make_request(member=carol, endpoint=endpoint).pk for _ in range(2)]

    order = claim_all()
    assert order[0] == carols[0]
    assert order[-1] == carols[1]


def test_who_asks_again_at_once_does_not_hold_another_up(
    make_request, make_endpoint, alice, bob
):
    """Else a member with two requests would wait as long as another keeps asking."""
    endpoint = make_endpoint()
    bobs = [make_request(member=bob, endpoint=endpoint).pk for _ in range(2)]
    served = []
    for _ in range(6):
        make_request(member=alice, endpoint=endpoint)
        request = claims.take()
        LLMRequest.objects.close(request, status=Status.COMPLETE)
        served.append(request.pk)

    assert set(bobs) <= set(served)


def test_priority_comes_before_turn(make_request, make_endpoint):
    endpoint = make_endpoint()
    later = make_request(endpoint=endpoint).pk
    urgent = make_request(endpoint=endpoint, priority=-1).pk

    assert claim_all() == [urgent, later]


@pytest.mark.parametrize(
    "hidden", [{"is_ready": False}, {"status": Status.COMPLETE}], ids=str
)
def test_take_passes_over_what_is_not_claimable(make_request, make_endpoint, hidden):
    request = make_request(endpoint=make_endpoint())
    if "status" in hidden:
        LLMRequest.objects.filter(pk=request.pk).update(
            status="complete", finished_at=request.created_at
        )
    else:
        LLMRequest.objects.filter(pk=request.pk).update(**hidden)

    assert claims.take() is None


def test_take_leaves_a_closed_lane_alone(make_request, make_endpoint):
    make_request(endpoint=make_endpoint())
    Lane.objects.update(is_enabled=False)

    assert claims.take() is None


@pytest.mark.requirement("M-31", "M-85")
@pytest.mark.parametrize("where", ["environment", "site"])
def test_take_holds_everything_while_ai_is_off(
    make_request, make_endpoint, settings, where
):
    request = make_request(endpoint=make_endpoint())
    if where == "environment":
        settings.AI_FEATURES_ENABLED = False
    else:
        Stop.objects.create(scope="site")

    assert claims.take() is None
    request.refresh_from_db()
    assert request.status == Status.PENDING


def test_a_full_lane_does_not_hold_another_up(make_request, make_endpoint):
    small = make_endpoint(max_in_flight=1)
    for _ in range(2):
        make_request(endpoint=small)
    other = make_request(endpoint=make_endpoint())

    taken = [claims.take(), claims.take(), claims.take()]

    assert other in taken
    assert taken.count(None) == 1


@pytest.mark.django_db(transaction=True)
def test_twelve_claimers_never_pass_max_in_flight(make_member, make_endpoint):
    endpoint = make_endpoint(max_in_flight=4)
    member = make_member("dora")
    lane = lanes.lane_of(endpoint)
    for turn in range(30):
        LLMRequest.objects.create(
            kind="note", requested_by=member, lane=lane, turn=turn
        )
    taken: list[int] = []

    def work():
        request = claims.take()
        if request:
            taken.append(request.pk)

    in_threads(12, work)

    assert len(taken) == 4
    assert LLMRequest.objects.running().count() == 4


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault("F15")
def test_no_request_is_claimed_twice(make_member, make_endpoint):
    lane = lanes.lane_of(make_endpoint(max_in_flight=50))
    member = make_member("dora")
    for turn in range(20):
        LLMRequest.objects.create(
            kind="note", requested_by=member, lane=lane, turn=turn
        )
    taken: Counter[int] = Counter()

    def work():
        while (request := claims.take()) is not None:
            taken[request.pk] += 1

    in_threads(10, work)

    assert sorted(taken.values()) == [1] * 20
