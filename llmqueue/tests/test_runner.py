from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from core.encryption import encrypt
from llmconfig.models import Endpoint, LLMConfig
from llmqueue import claims, runner, services, sweeper, tasks
from llmqueue.control import Control
from llmqueue.errors import AlreadyEnded, Refused
from llmqueue.models import LLMAttempt, LLMRequest, Outcome, PromptPart, Status
from llmqueue.tests.conftest import run_until_quiet
from tests.races import run_while

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.requirement("R-02", "R-06", "Q-44", "F-12", "F-13")
def test_run_next_delivers_the_answer_with_its_receipt(
    pending_request, note_handler, fake_llm
):
    fake_llm.answers(text="A list is an ordered row of things.")

    assert runner.run_next()

    pending_request.refresh_from_db()
    attempt = pending_request.attempts.get()
    assert pending_request.status == Status.COMPLETE
    assert note_handler.delivered == [
        (pending_request.pk, "A list is an ordered row of things.")
    ]
    assert attempt.outcome == Outcome.ANSWERED
    assert attempt.receipt["persona"] == {
        "id": attempt.persona_version.persona_id,
        "name": "Companion",
        "version": 1,
    }
    assert attempt.total_seconds > 0


def test_open_pages_look_again_once_it_is_known_who_writes(
    pending_request, note_handler, fake_llm, monkeypatch
):
    fake_llm.answers(text="Yes.")
    seen = []

    def announce(public_ids) -> None:
        found = LLMRequest.objects.get(public_id__in=public_ids)
        seen.append((found.status, str(found.answerer)))

    monkeypatch.setattr(runner.live, "announce", announce)

    runner.run_next()

    assert seen[0] == (Status.PROCESSING, "Companion")


@pytest.mark.requirement("F-39", "R-88")
def test_the_stored_prompt_is_what_the_provider_received(pending_request, fake_llm):
    fake_llm.answers(text="Yes.")

    runner.run_next()

    sent = fake_llm.calls()[0].body["messages"]
    parts = PromptPart.objects.filter(attempt__request=pending_request)
    stored = {
        role: "\n\n".join(
            parts.filter(role=role).order_by("position").values_list("text", flat=True)
        )
        for role in ("system", "user")
    }
    assert {message["role"]: message["content"] for message in sent} == stored


@pytest.mark.requirement("O-23")
def test_every_parameter_reaches_the_provider(pending_request, fake_config, fake_llm):
    values = {
        "temperature": 0.0,
        "top_p": 0.5,
        "top_k": 7,
        "frequency_penalty": 0.0,
        "presence_penalty": -1.0,
        "repetition_penalty": 1.1,
        "max_tokens": 33,
    }
    for name, value in values.items():
        setattr(fake_config, name, value)
    fake_config.save()
    fake_llm.answers(text="Yes.")

    runner.run_next()

    body = fake_llm.calls()[0].body
    assert {name: body.get(name) for name in values} == values
    assert body["model"] == fake_config.model


@pytest.mark.requirement("F-60", "O-02")
@pytest.mark.fault("F32")
def test_run_next_tries_a_failing_provider_three_times(
    pending_request, note_handler, fake_llm
):
    for _ in range(5):
        fake_llm.answers(status=503)

    run_until_quiet()

    pending_request.refresh_from_db()
    assert len(fake_llm.calls()) == 3
    assert (pending_request.status, pending_request.error_class) == (
        Status.ERROR,
        "overloaded",
    )
    assert pending_request.error_message
    assert note_handler.delivered == []


@pytest.mark.fault("F31")
def test_run_next_waits_as_long_as_the_provider_asks(pending_request, fake_llm):
    fake_llm.answers(status=429, retry_after=20)

    runner.run_next()

    pending_request.refresh_from_db()
    assert pending_request.status == Status.PENDING
    assert not pending_request.is_ready
    wait = pending_request.not_before - pending_request.claimed_at
    assert wait >= timedelta(seconds=20)
    assert claims.take() is None


@pytest.mark.fault("F33", "F34")
@pytest.mark.parametrize(
    ("status", "error_class"),
    [(401, "key_refused"), (404, "no_model"), (400, "bad_request")],
)
def test_run_next_does_not_repeat_what_cannot_work(
    pending_request, fake_llm, status, error_class
):
    fake_llm.answers(status=status)
    fake_llm.answers(text="Never reached.")

    run_until_quiet()

    pending_request.refresh_from_db()
    assert len(fake_llm.calls()) == 1
    assert pending_request.error_class == error_class


@pytest.mark.fault("F40", "F39")
@pytest.mark.parametrize("answer", [{"text": ""}, {"mode": "malformed"}])
def test_run_next_posts_nothing_when_nothing_came(
    pending_request, note_handler, fake_llm, answer
):
    for _ in range(4):
        fake_llm.answers(**answer)

    run_until_quiet()

    pending_request.refresh_from_db()
    assert pending_request.status == Status.ERROR
    assert note_handler.delivered == []
    assert len(fake_llm.calls()) == 2


@pytest.mark.requirement("Q-63", "C-18", "O-39")
@pytest.mark.fault("F41", "F46")
def test_a_refusal_goes_to_the_fallback_once_and_says_so(
    pending_request, note_handler, fake_config, make_config, fake_llm
):
    fake_config.fallback = make_config("second", endpoint=fake_config.endpoint)
    fake_config.save()
    fake_llm.answers(text="", refusal="I cannot.")
    fake_llm.answers(text="I can.")

    run_until_quiet()

    first, second = pending_request.attempts.order_by("number")
    assert [first.outcome, second.outcome] == [Outcome.REFUSED, Outcome.ANSWERED]
    assert note_handler.delivered == [(pending_request.pk, "I can.")]
    assert fake_llm.calls()[1].body["model"] == "model-second"
    assert second.receipt["notes"] == ["Fake model failed; second was asked instead."]


@pytest.mark.fault("F46")
def test_a_fallback_that_fails_too_ends_the_request(
    pending_request, fake_config, make_config, fake_llm
):
    fake_config.fallback = make_config("second", endpoint=fake_config.endpoint)
    fake_config.save()
    fake_llm.answers(text="", refusal="I cannot.")
    fake_llm.answers(text="", refusal="Nor can I.")
    fake_llm.answers(text="Never reached.")

    run_until_quiet()

    pending_request.refresh_from_db()
    assert (pending_request.status, pending_request.error_class) == (
        Status.ERROR,
        "refused",
    )
    assert len(fake_llm.calls()) == 2


@pytest.mark.fault("F42")
def test_a_cut_off_answer_is_posted_to_its_last_sentence(
    pending_request, note_handler, fake_llm
):
    fake_llm.answers(text="One sentence. Another on", finish_reason="length")

    runner.run_next()

    assert note_handler.delivered == [(pending_request.pk, "One sentence.")]
    assert pending_request.attempts.get().outcome == Outcome.CUT_OFF


@pytest.mark.fault("F43")
def test_an_answer_without_end_is_posted_to_its_last_sentence(
    pending_request, note_handler, fake_llm, settings
):
    settings.LLM_MAX_REPLY_CHARS = 100
    fake_llm.answers(text="A sentence. " * 20)

    runner.run_next()

    ((_, text),) = note_handler.delivered
    assert pending_request.attempts.get().outcome == Outcome.CUT_OFF
    assert len(text) <= 100
    assert text.endswith(".")


@pytest.mark.fault("F51", "F53")
def test_a_refusal_of_the_handler_ends_as_cancelled_and_calls_nobody(
    pending_request, note_handler, fake_llm
):
    note_handler.refusal = Refused("gone", "The post was deleted.")

    runner.run_next()

    pending_request.refresh_from_db()
    assert (pending_request.status, pending_request.error_message) == (
        Status.CANCELLED,
        "The post was deleted.",
    )
    assert fake_llm.calls() == []


@pytest.mark.fault("F51")
def test_a_refused_delivery_keeps_the_use_and_posts_nothing(
    pending_request, note_handler, fake_llm
):
    fake_llm.answers(text="Too late.")
    note_handler.refuse_delivery = Refused("locked", "The topic was locked.")

    runner.run_next()

    pending_request.refresh_from_db()
    assert pending_request.status == Status.CANCELLED
    assert pending_request.attempts.get().outcome == Outcome.ANSWERED


@pytest.mark.requirement("O-34")
@pytest.mark.fault("F07")
def test_a_worker_that_lost_its_lease_delivers_nothing(
    pending_request, note_handler, fake_llm
):
    def steal() -> None:
        LLMRequest.objects.filter(pk=pending_request.pk).update(
            lease_until=timezone.now() - timedelta(seconds=1)
        )
        sweeper.sweep()

    fake_llm.answers(text="From the zombie.", first_delay=1)

    run_while(fake_llm, steal)

    pending_request.refresh_from_db()
    assert note_handler.delivered == []
    assert pending_request.status == Status.PENDING

    runner.run_next()

    # The next worker posts the answer that is paid for, and calls nobody.
    assert note_handler.delivered == [(pending_request.pk, "From the zombie.")]
    assert len(fake_llm.calls()) == 1


@pytest.mark.requirement("M-01")
def test_a_request_in_the_wrong_lane_moves_without_counting(
    note_handler, fake_config, make_endpoint, make_request, fake_llm
):
    request = make_request(endpoint=make_endpoint(name="Old"))
    fake_llm.answers(text="Yes.")

    assert runner.run_next()
    request.refresh_from_db()
    assert request.status == Status.PENDING
    assert request.lane.endpoint == fake_config.endpoint
    assert LLMAttempt.objects.count() == 0

    runner.run_next()
    request.refresh_from_db()
    assert (request.status, request.lapses) == (Status.COMPLETE, 0)


@pytest.mark.requirement("C-04", "Q-43")
def test_a_request_without_any_model_says_what_to_do(note_handler, make_request):
    request = make_request()

    runner.run_next()

    request.refresh_from_db()
    assert request.error_class == "no_model"
    assert "Settings" in request.error_message


@pytest.mark.requirement("C-07", "F-63")
@pytest.mark.requirement("O-36")
@pytest.mark.fault("F52")
def test_the_version_is_the_one_current_when_work_begins(pending_request, fake_llm):
    from personas.models import Persona, PersonaVersion

    persona = Persona.objects.get(is_fallback=True)
    persona.current_version = PersonaVersion.objects.create(
        persona=persona, number=2, role="somebody new"
    )
    persona.save()
    fake_llm.answers(text="Yes.")

    runner.run_next()

    attempt = pending_request.attempts.get()
    assert attempt.persona_version.number == 2
    assert "somebody new" in fake_llm.calls()[0].body["messages"][0]["content"]


def test_cancel_ends_a_waiting_request_for_good(pending_request, fake_llm):
    services.cancel(request=pending_request, reason="Changed my mind.")

    assert not runner.run_next()
    pending_request.refresh_from_db()
    assert pending_request.status == Status.CANCELLED
    with pytest.raises(AlreadyEnded):
        services.cancel(request=pending_request, reason="Again.")


@pytest.mark.fault("F58")
def test_cancel_closes_a_running_call(
    pending_request, note_handler, fake_llm, watching
):
    fake_llm.answers(mode="hang")

    run_while(
        fake_llm, lambda: services.cancel(request=pending_request, reason="Stop.")
    )

    pending_request.refresh_from_db()
    assert pending_request.status == Status.CANCELLED
    assert pending_request.attempts.get().outcome == Outcome.CANCELLED
    assert note_handler.delivered == []
    fake_llm.wait_for(1, ended="client closed", seconds=2)


@pytest.mark.fault("F22")
@pytest.mark.parametrize("error", [OperationalError("away"), InterfaceError("closed")])
def test_a_database_that_is_away_before_the_call_costs_no_lapse(
    pending_request, note_handler, fake_llm, monkeypatch, error
):
    failures = [error, error]
    inputs = note_handler.inputs

    def stumble(request):
        if failures:
            raise failures.pop()
        return inputs(request)

    monkeypatch.setattr(note_handler, "inputs", stumble)
    fake_llm.answers(text="After all.")

    runner.run_next()

    pending_request.refresh_from_db()
    assert (pending_request.status, pending_request.lapses) == (Status.COMPLETE, 0)
    assert note_handler.delivered == [(pending_request.pk, "After all.")]
    assert len(fake_llm.calls()) == 1


@pytest.mark.fault("F22")
def test_a_deadlock_at_delivery_buys_nothing_twice(
    pending_request, note_handler, fake_llm, monkeypatch
):
    failures = [OperationalError("deadlock detected"), OperationalError("and again")]
    deliver = note_handler.deliver

    def stumble(attempt, **answer) -> None:
        if failures:
            raise failures.pop()
        deliver(attempt, **answer)

    monkeypatch.setattr(note_handler, "deliver", stumble)
    fake_llm.answers(text="Paid.")

    runner.run_next()

    pending_request.refresh_from_db()
    assert pending_request.status == Status.COMPLETE
    assert len(fake_llm.calls()) == 1
    assert note_handler.delivered == [(pending_request.pk, "Paid.")]


@pytest.mark.fault("F22", "F03")
def test_an_answer_whose_worker_was_lost_is_delivered_by_the_next(
    pending_request, note_handler, fake_llm, monkeypatch
):
    fake_llm.answers(text="Paid.")
    with monkeypatch.context() as patch:
        patch.setattr(runner.outcomes, "conclude", lambda *_: None)
        runner.run_next()
    LLMRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    sweeper.sweep()

    runner.run_next()

    assert note_handler.delivered == [(pending_request.pk, "Paid.")]
    assert len(fake_llm.calls()) == 1


KEY = "sk-canary-0123456789"


@pytest.mark.fault("A-SEC-1")
@pytest.mark.parametrize(
    ("key", "said", "posted"),
    [
        (KEY, f"Your key is {KEY}, is it not?", "Your key is [removed], is it not?"),
        (KEY, f"{KEY} and {KEY}", "[removed] and [removed]"),
        (
            KEY,
            f"It comes in pieces: {KEY[:9]}\u200b{KEY[9:]}",
            "It comes in pieces: [removed]",
        ),
        (
            KEY,
            "All our keys begin with sk-canary-",
            "All our keys begin with sk-canary-",
        ),
        ("ollama", "You can run ollama at home.", "You can run ollama at home."),
        ("none", "I have none.", "I have none."),
        ("x", "Mix six boxes.", "Mix six boxes."),
        (KEY[:15], f"Short: {KEY[:15]}", f"Short: {KEY[:15]}"),
        (KEY[:16], f"Long: {KEY[:16]}", "Long: [removed]"),
    ],
)
def test_a_key_that_a_server_repeats_is_not_posted(
    note_handler, fake_llm, make_request, key, said, posted
):
    endpoint = Endpoint.objects.create(
        name="Echo",
        provider="compatible",
        api_base=fake_llm.address,
        site_key=encrypt(key, owner="site", host=f"127.0.0.1:{fake_llm.port}"),
    )
    LLMConfig.objects.create(
        name="Echo", model="e", endpoint=endpoint, is_global=True, is_default=True
    )
    make_request(endpoint=endpoint)
    fake_llm.answers(text=said)

    runner.run_next()

    assert note_handler.delivered[0][1] == posted


def test_a_final_status_never_changes(pending_request):
    from django.db import IntegrityError

    services.cancel(request=pending_request, reason="Stop.")

    with pytest.raises(IntegrityError):
        LLMRequest.objects.filter(pk=pending_request.pk).update(
            status=Status.PENDING, finished_at=None
        )


@pytest.mark.fault("F05")
def test_a_worker_that_ends_puts_its_work_back(
    pending_request, note_handler, fake_llm, monkeypatch
):
    fresh = Control()
    monkeypatch.setattr(runner, "control", fresh)
    fake_llm.answers(mode="hang")

    run_while(fake_llm, fresh.interrupt_all)

    pending_request.refresh_from_db()
    assert (pending_request.status, pending_request.lapses) == (Status.PENDING, 0)
    assert pending_request.is_ready
    assert pending_request.attempts.get().outcome == Outcome.INTERRUPTED


@pytest.mark.fault("F05")
def test_work_put_back_at_a_workers_end_is_told_to_the_others(
    pending_request, fake_llm, monkeypatch
):
    fresh, nudges = Control(), []
    monkeypatch.setattr(runner, "control", fresh)
    monkeypatch.setattr(tasks, "control", fresh)

    def note_nudge(**how) -> None:
        pending_request.refresh_from_db()
        nudges.append(pending_request.status)

    monkeypatch.setattr(tasks, "nudge", note_nudge)
    fake_llm.answers(mode="hang")

    run_while(fake_llm, fresh.interrupt_all, run=tasks.work)

    assert nudges == [Status.PENDING]


@pytest.mark.fault("B10")
def test_a_request_that_is_begun_again_and_again_ends(
    pending_request, note_handler, fake_llm, settings, monkeypatch
):
    settings.LLM_MAX_ATTEMPTS = 2
    fake_llm.always_answers("A list.", first_delay=1)
    for _ in range(3):
        fresh = Control()
        monkeypatch.setattr(runner, "control", fresh)
        run_while(fake_llm, fresh.interrupt_all)

    pending_request.refresh_from_db()
    assert pending_request.status == Status.ERROR
    assert pending_request.error_class == "crashed"
    assert pending_request.attempts.count() == 2
