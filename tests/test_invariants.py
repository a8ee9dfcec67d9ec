"""`manage.py check_invariants` finds what is broken, and nothing when all is well."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from forum.models import Ask, Topic
from forum.services import asks
from llmconfig.services import change_endpoint
from llmqueue import runner
from llmqueue.models import LLMAttempt, LLMRequest

pytestmark = pytest.mark.django_db

SECRET = "canary-0123456789abcdef"


@pytest.fixture
def answered(topic, bob, fake_config, fake_llm) -> Ask:
    fake_llm.always_answers("Two hours.")
    ask = asks.ask(post=topic.posts.get(number=1), member=bob)
    runner.run_next()
    ask.refresh_from_db()
    return ask


def found() -> str:
    """What the command complains about; empty when it is content."""
    complaints = StringIO()
    try:
        call_command("check_invariants", stdout=StringIO(), stderr=complaints)
    except CommandError:
        assert complaints.getvalue()
    return complaints.getvalue()


def unguarded(statement: str, *values: int) -> None:
    """Write past the guards of the database, as only a fault could."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)
        cursor.execute("SET LOCAL session_replication_role = origin")


@pytest.mark.requirement("P1", "P2", "P3")
def test_an_answered_request_breaks_nothing(answered):
    assert answered.reply is not None

    assert found() == ""


def test_a_reply_that_vanished_is_found(answered):
    Ask.objects.filter(pk=answered.pk).update(reply=None)

    assert "I2: done requests without their reply: 1" in found()
    assert "I2: persona's posts that answer no request: 1" in found()


def test_a_final_state_that_changed_is_found(answered):
    unguarded(
        "UPDATE queue_llmrequest SET status = 'pending', finished_at = NULL"
        " WHERE id = %s",
        answered.request_id,
    )

    assert "I2: replies to requests that are not done: 1" in found()


def test_a_missing_trigger_is_found(answered):
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER queue_final_stays_final ON queue_llmrequest")

    assert "I5" in found()


def test_a_request_left_lying_is_found(answered, bob, topic):
    ask = asks.ask(post=topic.posts.get(number=1), member=bob)
    LLMRequest.objects.filter(pk=ask.request_id).update(
        status="processing",
        lease_token="0b9d4f0e-6f3f-4c1e-8c55-0a4f0d6a3a11",
        lease_until=timezone.now() - timedelta(hours=1),
    )

    assert "I4: running requests whose lease lapsed long ago: 1" in found()


def test_a_call_without_explanation_is_found(answered):
    LLMAttempt.objects.filter(request=answered.request_id).update(outcome="unknown")

    assert "I6: requests with more calls of unknown outcome" in found()
    assert "I6: requests that are done without a call that answered: 1" in found()


def test_an_error_class_outside_the_list_is_found(answered, bob, topic):
    ask = asks.ask(post=topic.posts.get(number=1), member=bob)
    LLMRequest.objects.filter(pk=ask.request_id).update(
        status="error",
        error_class="oops",
        error_message="It broke.",
        finished_at=timezone.now(),
        is_ready=False,
    )

    assert "I8" in found()


@pytest.mark.fault("A-SEC-1")
def test_a_key_that_stands_readable_somewhere_is_found(answered, fake_endpoint):
    change_endpoint(
        endpoint=fake_endpoint,
        name=fake_endpoint.name,
        api_base=fake_endpoint.api_base,
        key=SECRET,
        model="fake-1",
        max_in_flight=4,
        call_deadline=fake_endpoint.call_deadline,
        actor=None,
        is_tried=False,
    )
    assert found() == ""

    LLMAttempt.objects.filter(request=answered.request_id).update(
        outcome_detail=f"The key {SECRET} was refused."
    )

    assert "I10: rows of queue_llmattempt that hold a secret: 1" in found()


def test_a_wrong_counter_is_found(answered, topic):
    Topic.objects.filter(pk=topic.pk).update(posts_count=7)

    assert "counters: topics whose count of posts is wrong: 1" in found()
