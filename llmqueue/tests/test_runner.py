import pytest

from core.encryption import encrypt
from llmconfig.models import Endpoint, LLMConfig
from llmqueue.errors import Refused
from llmqueue.models import LLMAttempt, LLMRequest, Outcome, PromptPart, Status
from llmqueue.work import runner

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

    monkeypatch.setattr(runner, "announce", announce)

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
        (
            KEY,
            "Basic c2stY2FuYXJ5LTAxMjM0NTY3ODk= was sent.",
            "Basic [removed]k= was sent.",
        ),
        (
            "sk/canary+0123456789",
            "?key=sk%2Fcanary%2B0123456789 was called.",
            "?key=[removed] was called.",
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
