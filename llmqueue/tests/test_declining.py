"""A refusal in prose: the fallback once where it can be asked, else it is the answer."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from llmconfig.models import AISettings, Endpoint, KeyState, ModelPrice, ModelProfile
from llmqueue import stopping
from llmqueue.answers.judging import Verdict
from llmqueue.errors import Refused
from llmqueue.models import LLMRequest, Outcome, SpendBucket, Status, StopScope
from llmqueue.tests.conftest import run_until_quiet
from llmqueue.tests.limits import broken
from llmqueue.work import claims, outcomes, runner, sweeper
from llmqueue.work.freezing import freeze
from tests.fake_llm import FakeLLM
from tests.own_keys import bring_key, bring_site_key

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("Q-63", "R-92", "C-18"),
    pytest.mark.fault("F41"),
]

NO = "I'm sorry, but I can't help with that request."


@pytest.fixture
def elsewhere(fake_config, make_config, settings):
    """The server of a second provider, on the site's key: the fallback of the first."""
    with FakeLLM() as server:
        settings.LLM_PRIVATE_HOSTS.append(("127.0.0.1", server.port))
        endpoint = Endpoint.objects.create(
            name="Elsewhere", provider="compatible", api_base=server.address
        )
        bring_site_key(endpoint)
        fake_config.fallback = make_config("second", endpoint=endpoint, max_tokens=100)
        fake_config.save()
        yield server


def outcomes_of(request: LLMRequest) -> list[str]:
    return list(request.attempts.order_by("number").values_list("outcome", flat=True))


def the_first_is_posted(request: LLMRequest, handler) -> bool:
    """Whether the first model's words came in the end, with its own receipt."""
    request.refresh_from_db()
    first = request.attempts.get(number=1)
    is_there = handler.delivered == [(request.pk, NO)] and broken() == []
    return is_there and (request.status, request.last_attempt) == (
        Status.COMPLETE,
        first,
    )


def test_the_fallback_is_asked_once_and_its_reply_says_so(
    pending_request, note_handler, elsewhere, fake_llm
):
    fake_llm.answers(NO)
    elsewhere.answers("I can.")

    run_until_quiet()

    pending_request.refresh_from_db()
    assert pending_request.status == Status.COMPLETE
    assert note_handler.delivered == [(pending_request.pk, "I can.")]
    first, second = pending_request.attempts.order_by("number")
    assert (first.outcome, first.answer) == (Outcome.DECLINED, NO)
    assert second.outcome == Outcome.ANSWERED
    assert second.receipt["notes"] == ["Fake model declined; second was asked instead."]
    assert (len(fake_llm.calls()), len(elsewhere.calls())) == (1, 1)
    assert broken() == []


@pytest.mark.parametrize(
    ("says", "how"),
    [
        (Outcome.DECLINED, {"text": "I cannot assist with this request."}),
        (Outcome.REFUSED, {"text": "", "refusal": "Nor can I."}),
        (Outcome.FILTERED, {"finish_reason": "content_filter"}),
        (Outcome.EMPTY, {"text": ""}),
        (Outcome.OVERLOADED, {"status": 503}),
        (Outcome.KEY_REFUSED, {"status": 401}),
    ],
    ids="declined refused filtered empty overloaded key".split(),
)
@pytest.mark.fault("F46", "B10")
def test_a_fallback_that_does_no_better_leaves_the_first_answer(
    pending_request, note_handler, elsewhere, fake_llm, says, how
):
    fake_llm.always_answers(NO)
    elsewhere.always_answers(**how)

    run_until_quiet()

    assert the_first_is_posted(pending_request, note_handler)
    assert outcomes_of(pending_request) == [Outcome.DECLINED, says]
    assert (len(fake_llm.calls()), len(elsewhere.calls())) == (1, 1)


@pytest.mark.fault("B10")
def test_the_fallback_of_a_fallback_that_declines_is_not_asked(
    pending_request, note_handler, fake_config, elsewhere, make_config, fake_llm
):
    second = fake_config.fallback
    second.fallback = make_config("third", endpoint=second.endpoint)
    second.save()
    fake_llm.always_answers(NO)
    elsewhere.always_answers("I can't help with this request.")

    run_until_quiet()

    assert the_first_is_posted(pending_request, note_handler)
    assert [call.model for call in elsewhere.calls()] == ["model-second"]


def test_a_fallback_that_declines_in_prose_after_a_signal_is_posted(
    pending_request, note_handler, elsewhere, fake_llm
):
    """There is nothing better to read."""
    fake_llm.answers(text="", refusal="I cannot.")
    elsewhere.always_answers(NO)

    run_until_quiet()

    assert note_handler.delivered == [(pending_request.pk, NO)]
    assert len(elsewhere.calls()) == 1


def test_without_a_fallback_it_is_the_answer(pending_request, note_handler, fake_llm):
    fake_llm.always_answers(NO)

    run_until_quiet()

    assert the_first_is_posted(pending_request, note_handler)
    assert outcomes_of(pending_request) == [Outcome.DECLINED]
    assert pending_request.last_attempt.receipt["notes"] == []


@pytest.mark.requirement("O-38", "O-39", "R-103")
@pytest.mark.parametrize(
    "loss", ["itself", "off", "no key", "another's", "stopped", "tier"]
)
def test_a_fallback_that_cannot_be_asked_changes_nothing(
    pending_request, note_handler, fake_config, elsewhere, fake_llm, staff, bob, loss
):
    """Rights, key, tier and stops are looked at before the request goes back to wait."""
    fallback, endpoint = fake_config.fallback, fake_config.fallback.endpoint
    if loss == "itself":
        fake_config.fallback = fake_config
        fake_config.save()
    elif loss == "stopped":
        stopping.stop_calls(
            scope=StopScope.ENDPOINT,
            key=str(endpoint.pk),
            reason="",
            cuts_running=False,
            actor=staff,
        )
    elif loss == "another's":
        fallback.owner, fallback.is_global = bob, False
        fallback.save()
    elif loss == "tier":
        pending_request.requested_by.emailaddress_set.update(verified=False)
        ModelProfile.objects.create(key="cheap", config=fake_config)
    else:
        endpoint.is_enabled = loss != "off"
        endpoint.provider = "openai" if loss == "no key" else endpoint.provider
        endpoint.site_key = ""
        endpoint.save()
    fake_llm.always_answers(NO)

    assert runner.run_next()

    assert the_first_is_posted(pending_request, note_handler)
    assert outcomes_of(pending_request) == [Outcome.DECLINED]
    assert elsewhere.requests == []


@pytest.mark.requirement("R-73", "O-38", "O-39")
def test_no_refusal_moves_from_a_members_own_key_to_the_sites(
    pending_request, note_handler, fake_config, elsewhere, alice, fake_llm
):
    endpoint = bring_site_key(fake_config.endpoint)
    key = bring_key(alice, endpoint, "sk-canary-own-key-of-a-member-77")
    fake_llm.always_answers(NO)

    run_until_quiet()

    assert the_first_is_posted(pending_request, note_handler)
    assert elsewhere.requests == []
    key.refresh_from_db()
    assert key.state == KeyState.WORKS


@pytest.fixture
def over_budget(fake_config, elsewhere, alice):
    """Alice's budget has room for the free model and none for the paid fallback."""
    for config, usd in ((fake_config, 0), (fake_config.fallback, 1000)):
        ModelPrice.objects.create(
            endpoint=config.endpoint, model=config.model, in_usd=0, out_usd=usd
        )
    AISettings.objects.create(user=alice, budget_usd=Decimal("0.01"))
    yield
    assert elsewhere.requests == []
    assert SpendBucket.objects.get(budget_of=alice).used_usd == 0


@pytest.mark.requirement("R-79", "R-97", "C-20", "M-27", "R-103")
@pytest.mark.fault("B7")
@pytest.mark.usefixtures("over_budget")
def test_an_over_budget_member_whose_free_model_is_down_is_refused_and_not_billed(
    pending_request, note_handler, fake_llm
):
    fake_llm.always_answers(status=503)

    run_until_quiet()

    pending_request.refresh_from_db()
    assert (pending_request.status, pending_request.error_class) == (
        Status.ERROR,
        "budget_reached",
    )
    assert "no room for what this could cost" in pending_request.error_message
    assert note_handler.delivered == []


@pytest.mark.requirement("R-79", "R-97", "C-20", "M-27")
@pytest.mark.fault("B7")
@pytest.mark.usefixtures("over_budget")
def test_where_the_budget_has_no_room_for_the_fallback_the_refusal_is_posted(
    pending_request, note_handler, fake_llm
):
    fake_llm.always_answers(NO)

    run_until_quiet()

    assert the_first_is_posted(pending_request, note_handler)


@pytest.mark.parametrize("has_asked", [False, True])
def test_what_a_lost_worker_left_is_gone_on_with_and_not_bought_twice(
    pending_request, note_handler, elsewhere, fake_llm, monkeypatch, has_asked
):
    fake_llm.answers(NO)
    elsewhere.always_answers("I can not help with this request.")
    if has_asked:
        runner.run_next()  # it goes to the fallback …
        runner.run_next()  # … whose lane it now waits in
    with monkeypatch.context() as patch:
        patch.setattr("llmqueue.work.outcomes.conclude", lambda *_: None)
        runner.run_next()
    LLMRequest.objects.running().update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )
    sweeper.sweep()

    run_until_quiet()

    assert the_first_is_posted(pending_request, note_handler)
    assert (len(fake_llm.calls()), len(elsewhere.calls())) == (1, 1)


def test_what_may_not_be_posted_any_more_is_not_posted_for_want_of_better(
    pending_request, note_handler, elsewhere, fake_llm
):
    fake_llm.answers(NO)
    elsewhere.answers(status=503)
    note_handler.refuse_delivery = Refused("locked")

    run_until_quiet()

    pending_request.refresh_from_db()
    assert (pending_request.status, pending_request.error_class) == (
        Status.CANCELLED,
        "locked",
    )
    assert note_handler.delivered == []


def test_a_kind_whose_models_were_chosen_has_no_fallback(
    pending_request, note_handler, elsewhere, fake_llm
):
    note_handler.may_fall_back = False
    fake_llm.answers(status=404)

    run_until_quiet()

    pending_request.refresh_from_db()
    assert pending_request.error_class == "no_model"
    assert elsewhere.requests == []


@pytest.mark.fault("F31")
@pytest.mark.parametrize(("seconds", "is_asked"), [(60, False), (61, True)])
def test_a_fallback_is_asked_rather_than_waited_for_long(
    pending_request, note_handler, elsewhere, fake_llm, seconds, is_asked
):
    fake_llm.always_answers(status=429, retry_after=seconds)
    elsewhere.answers("At once.")

    while runner.run_next():
        pass

    assert (len(fake_llm.calls()), len(elsewhere.calls())) == (1, int(is_asked))
    assert bool(note_handler.delivered) == is_asked


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(Outcome.DECLINED, NO),
        Verdict(Outcome.RATE_LIMITED, retry_after=timedelta(hours=1)),
    ],
    ids=["declined", "429-for-long"],
)
def test_the_sites_profiles_are_read_once_to_find_its_fallback(
    pending_request, note_handler, fake_config, elsewhere, verdict
):
    ModelProfile.objects.create(key="fallback", config=fake_config.fallback)
    fake_config.fallback = None
    fake_config.save()
    frozen = freeze(claims.take())

    with CaptureQueriesContext(connection) as made:
        outcomes.conclude(frozen.attempt, verdict)

    pending_request.refresh_from_db()
    assert pending_request.fallback_config is not None
    reading = [it["sql"] for it in made if "llmconfig_modelprofile" in it["sql"]]
    assert len(reading) == 1


@pytest.mark.fault("F31")
def test_a_long_pause_is_waited_for_when_the_fallback_cannot_be_asked(
    pending_request, fake_config, elsewhere, fake_llm
):
    Endpoint.objects.filter(pk=fake_config.fallback.endpoint_id).update(
        is_enabled=False
    )
    fake_llm.answers(status=429, retry_after=3600)

    runner.run_next()

    pending_request.refresh_from_db()
    assert pending_request.status == Status.PENDING
    assert pending_request.not_before > timezone.now() + timedelta(minutes=59)
