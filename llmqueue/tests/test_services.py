import pytest
from django.db import IntegrityError, transaction

from llmqueue import services
from llmqueue.handlers import Inputs
from llmqueue.models import LLMRequest

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def nudges(monkeypatch) -> list:
    sent: list = []
    monkeypatch.setattr("llmqueue.tasks.nudge", lambda: sent.append(1))
    return sent


def enqueue(member, **fields) -> LLMRequest:
    return services.enqueue(
        kind="note", inputs=Inputs(member=member), place=("", ""), **fields
    )


@pytest.mark.requirement("O-35")
def test_a_nudge_goes_out_when_the_request_is_committed(alice, nudges):
    with transaction.atomic():
        enqueue(alice)
        assert nudges == []

    assert nudges == [1]


def test_no_nudge_goes_out_for_a_request_that_was_never_there(alice, nudges):
    with transaction.atomic():
        enqueue(alice)
        transaction.set_rollback(True)

    assert nudges == []
    assert not LLMRequest.objects.exists()


def test_the_database_takes_one_retry_of_a_request(alice, bob):
    request = enqueue(alice)
    enqueue(alice, retry_of=request)

    with pytest.raises(IntegrityError):
        enqueue(bob, retry_of=request)
