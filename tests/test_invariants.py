"""`manage.py check_invariants` finds what is broken, and nothing when all is well."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from forum.models import Ask, Topic
from forum.services import asks
from llmconfig.models import Endpoint
from llmconfig.services.endpoints import change_endpoint
from llmqueue import stopping
from llmqueue.models import LLMAttempt, LLMRequest, SpendLimit, StopScope
from llmqueue.work import runner
from studio.models import TrialRun
from studio.services import trials
from tests.own_keys import bring_key

pytestmark = pytest.mark.django_db

SECRET = "canary-0123456789abcdef"


@pytest.fixture
def answered(topic, bob, fake_config, fake_llm) -> Ask:
    fake_llm.always_answers("Two hours.")
    ask = asks.ask(post=topic.posts.get(number=1), member=bob)
    runner.run_next()
    ask.refresh_from_db()
    return ask


@pytest.fixture
def counted(db) -> SpendLimit:
    """The only limit there is: of requests and tokens."""
    SpendLimit.objects.all().delete()
    return SpendLimit.objects.create(
        scope="site", period="total", requests=10, tokens=1_000_000
    )


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


def enter_key(endpoint: Endpoint, key: str) -> None:
    """As staff do, in the form of the endpoint."""
    change_endpoint(
        endpoint=endpoint,
        name=endpoint.name,
        api_base=endpoint.api_base,
        key=key,
        model="fake-1",
        max_in_flight=4,
        call_deadline=endpoint.call_deadline,
        actor=None,
        is_tried=False,
    )


@pytest.mark.requirement("P1", "P2", "P3")
def test_an_answered_request_breaks_nothing(answered):
    assert answered.reply is not None

    assert found() == ""


def test_a_reply_that_vanished_is_found(answered):
    Ask.objects.filter(pk=answered.pk).update(reply=None)

    assert "I2: done requests without their reply: 1" in found()
    assert "I2: persona's posts that answer no request: 1" in found()


@pytest.fixture
def tried(bob, fake_config, fake_llm, make_persona) -> TrialRun:
    chef = make_persona("chef", owner=bob)
    trial = trials.begin_trial(
        tester=bob, chosen=chef.current_version, configs=[fake_config], sample="Why?"
    )
    runner.run_next()
    return trial.runs.get()


def test_an_answered_try_breaks_nothing_and_one_without_answer_is_found(tried):
    assert tried.answer
    assert found() == ""

    TrialRun.objects.update(answer="")

    assert "I2: done tries without their answer: 1" in found()


def test_an_answer_of_a_try_that_is_not_done_is_found(tried):
    unguarded(
        "UPDATE queue_llmrequest SET status = 'pending', finished_at = NULL"
        " WHERE id = %s",
        tried.request_id,
    )

    assert "I2: answers of tries that are not done: 1" in found()


def test_a_try_s_request_on_its_own_is_found(tried):
    tried.delete()

    assert "I3: requests of the kind test that no try belongs to: 1" in found()


def test_a_reply_to_a_request_that_is_open_again_is_found(answered):
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


def test_a_request_that_nothing_makes_ready_is_found_unless_a_stop_holds_it(
    topic, bob, maestro, staff, fake_config
):
    ask = asks.ask(post=topic.posts.get(number=1), member=bob, persona=maestro)
    stopping.stop_calls(
        scope=StopScope.PERSONA,
        key=str(maestro.pk),
        reason="It rants.",
        cuts_running=False,
        actor=staff,
    )
    runner.run_next()
    assert found() == ""

    LLMRequest.objects.filter(pk=ask.request_id).update(stop=None)

    assert "I3: waiting requests that nothing will make ready: 1" in found()


def test_a_call_without_explanation_is_found(answered):
    LLMAttempt.objects.filter(request=answered.request_id).update(outcome="unknown")

    assert "I6: requests with more calls of unknown outcome" in found()
    assert "I6: requests that are done without a call that answered: 1" in found()


@pytest.mark.parametrize("status", ["error", "cancelled"])
@pytest.mark.parametrize(
    ("error_class", "message"), [("oops", "It broke."), ("gone", "")]
)
def test_an_end_without_a_class_of_the_list_or_a_reason_is_found(
    answered, bob, topic, status, error_class, message
):
    ask = asks.ask(post=topic.posts.get(number=1), member=bob)
    LLMRequest.objects.filter(pk=ask.request_id).update(
        status=status,
        error_class=error_class,
        error_message=message,
        finished_at=timezone.now(),
        is_ready=False,
    )

    assert "I8: failed or cancelled requests" in found()


@pytest.mark.fault("A-SEC-1")
def test_a_key_that_stands_readable_somewhere_is_found(answered, fake_endpoint):
    enter_key(fake_endpoint, SECRET)
    assert found() == ""

    LLMAttempt.objects.filter(request=answered.request_id).update(
        outcome_detail=f"The key {SECRET} was refused."
    )

    assert "I10: rows of queue_llmattempt that hold a secret: 1" in found()


@pytest.mark.requirement("R-68")
@pytest.mark.fault("A-SEC-1")
def test_a_member_s_key_that_stands_readable_somewhere_is_found(
    answered, fake_endpoint, bob
):
    bring_key(bob, fake_endpoint, SECRET)
    assert found() == ""

    bob.bio = f"My key is {SECRET}."
    bob.save()

    assert "I10: rows of accounts_user that hold a secret: 1" in found()


def test_a_word_entered_where_no_key_is_needed_is_no_secret(answered, fake_endpoint):
    enter_key(fake_endpoint, "Fake model")

    assert found() == ""


def test_a_wrong_counter_is_found(answered, topic):
    Topic.objects.filter(pk=topic.pk).update(posts_count=7)
    topic.posts.filter(number=1).update(images_count=3)

    assert "counters: topics whose count of posts is wrong: 1" in found()
    assert "counters: posts whose count of pictures is wrong: 1" in found()


@pytest.mark.fault("I7")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE queue_spendbucket SET used_requests = used_requests + 1",
        "UPDATE queue_spendbucket SET reserved_usd = 1",
        "DELETE FROM queue_reservation",
        "UPDATE queue_reservation SET state = 'reserved'",
    ],
    ids=["one too many", "money reserved", "no reservations", "never settled"],
)
def test_a_limit_that_counts_otherwise_than_what_was_used_is_found(
    statement, counted, answered
):
    assert found() == ""

    unguarded(statement)

    assert "I7: limits whose counters are not the sums" in found()


@pytest.mark.fault("I7")
def test_a_reservation_that_nobody_comes_for_is_found(counted, answered):
    unguarded(
        "UPDATE queue_reservation SET state = 'reserved' WHERE attempt_number = 0"
    )
    unguarded("UPDATE queue_spendbucket SET used_requests = 0, reserved_requests = 1")
    unguarded("UPDATE queue_llmrequest SET finished_at = now() - interval '1 hour'")

    assert "I7: reservations of requests that ended long ago" in found()


@pytest.mark.fault("I7")
def test_a_call_that_is_counted_with_other_figures_is_found(counted, answered):
    unguarded("UPDATE queue_llmattempt SET tokens_out = tokens_out + 5")

    assert "I7: calls that are counted with other figures" in found()
