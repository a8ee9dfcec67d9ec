"""What a test of an endpoint tells apart, in both protocols."""

import pytest

from core.errors import AddressDenied
from llmconfig.errors import TrialFailed
from llmconfig.providers import PROVIDERS
from llmconfig.trial import TrialResult, read_models, try_endpoint
from tests.fake_llm import Reply

KEY = "sk-canary-of-a-trial-4711"


@pytest.fixture(params=["compatible", "anthropic"])
def trial(request, fake_llm):
    """Try the fake provider in one protocol; keyword arguments change how."""
    is_anthropic = request.param == "anthropic"

    def trial(**changes) -> TrialResult:
        fields = {
            "provider": PROVIDERS[request.param],
            "address": fake_llm.root if is_anthropic else fake_llm.address,
            "key": KEY,
            "model": "fake-1",
        }
        return try_endpoint(**fields | changes)

    return trial


def failure_of(trial, **changes) -> TrialFailed:
    """How the trial failed; it tells neither the key nor what the service wrote."""
    with pytest.raises(TrialFailed) as caught:
        trial(**changes)
    assert KEY not in caught.value.message
    assert "told to fail" not in caught.value.message
    return caught.value


@pytest.mark.requirement("D-04", "M-09", "M-34")
def test_a_trial_says_how_quickly_it_was_answered_and_with_what(trial, fake_llm):
    result = trial()

    assert "It works: the model answered in " in result.message
    assert (
        "“Hello from the fake model.” It is in the provider's list." in result.message
    )
    assert result.models == fake_llm.models
    assert [seen.method for seen in fake_llm.requests] == ["GET", "POST", "POST"]
    bodies = [seen.body for seen in fake_llm.calls()]
    assert [bool(body.get("stream")) for body in bodies] == [False, True]
    assert all(body["max_tokens"] <= 256 for body in bodies)
    assert {seen.key for seen in fake_llm.requests} == {KEY}


ANTHROPIC = {"type": "authentication_error", "message": "invalid x-api-key"}
OUTCOMES = {
    "wrong key": ({"status": 401}, "key_refused", "Copy the whole key again"),
    "Anthropic's wrong key": (
        {"status": 401, "error": ANTHROPIC},
        "key_refused",
        "key",
    ),
    "Google's wrong key": (
        {"status": 400, "error": {"message": "API key not valid. Pass another."}},
        "key_refused",
        "Copy the whole key again",
    ),
    "no credit": (
        {"status": 429, "error": {"code": "insufficient_quota"}},
        "key_refused",
        "has credit",
    ),
    "Anthropic's no credit": (
        {"status": 400, "error": {"message": "Your credit balance is too low"}},
        "key_refused",
        "has credit",
    ),
    "may not": ({"status": 403}, "key_refused", "may use this model"),
    "wrong model": (
        {"status": 404, "error": {"code": "model_not_found"}},
        "no_model",
        "There is no model fake-1",
    ),
    "Mistral's wrong model": (
        {"status": 400, "error": {"message": "Invalid model: fake-1"}},
        "no_model",
        "There is no model fake-1",
    ),
    "DeepSeek's wrong model": (
        {"status": 400, "error": {"message": "Model Not Exist"}},
        "no_model",
        "There is no model fake-1",
    ),
    "no model for chats": ({"status": 400}, "bad_request", "a model for chats?"),
    "busy": ({"status": 429}, "rate_limited", "in a minute"),
    "overloaded": ({"status": 529}, "overloaded", "in a few minutes"),
    "broken": ({"status": 500}, "overloaded", "in a few minutes"),
    "a web page": ({"mode": "html"}, "malformed", "ends in /v1"),
    "an error that says 200": (
        {"mode": "error", "error": {"code": 401, "message": "no"}},
        "key_refused",
        "key",
    ),
    "silent": ({"text": ""}, "empty", "another model"),
    "without words": ({"mode": "no_choices"}, "", ""),
    "filtered": ({"text": "", "finish_reason": "content_filter"}, "filtered", "model"),
    "hangs up": ({"mode": "refuse"}, "overloaded", "in a few minutes"),
}


@pytest.mark.requirement("D-04", "D-27", "M-20")
@pytest.mark.fault("F33", "F34")
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_trial_tells_what_is_wrong_and_what_to_do(trial, fake_llm, outcome):
    how, kind, words = OUTCOMES[outcome]
    fake_llm.always_answers(**how)

    failure = failure_of(trial)

    assert failure.kind == kind or (not kind and failure.kind in ("empty", "malformed"))
    assert words in failure.message
    assert len(fake_llm.calls()) == 1  # no second try, and no stream


STREAMS = {
    "refused": {"status": 400},
    "not there": {"status": 404},
    "in one piece": {"mode": "html"},
    "nothing": {"mode": "empty"},
    "cut": {"mode": "cut"},
    "reset": {"mode": "reset"},
    "an error in it": {"mode": "error_event"},
    "not JSON": {"mode": "malformed"},
    "silent": {"mode": "null"},
    "without end": {"mode": "noise"},
    "compressed": {"mode": "gzip"},
}


@pytest.mark.requirement("D-04", "M-20")
@pytest.mark.parametrize("outcome", STREAMS)
def test_a_trial_tells_that_only_streaming_fails(trial, fake_llm, settings, outcome):
    settings.LLM_MAX_BODY_BYTES = 50_000
    streamed = Reply(**STREAMS[outcome])
    fake_llm.answers_by(
        lambda seen: (
            streamed
            if isinstance(seen.body, dict) and seen.body.get("stream")
            else Reply()
        )
    )

    failure = failure_of(trial)

    assert failure.kind == "no_stream"
    assert "in one piece" in failure.message
    assert "but not word by word" in failure.message
    assert failure.models == fake_llm.models


def test_a_limit_on_calls_is_not_taken_for_a_failing_stream(trial, fake_llm):
    replies = iter([Reply(), Reply(), Reply(status=429)])
    fake_llm.answers_by(lambda seen: next(replies))

    assert failure_of(trial).kind == "rate_limited"


def test_a_trial_waits_so_long_and_no_longer(trial, fake_llm, monkeypatch):
    monkeypatch.setattr("llmconfig.small_calls.CALL_SECONDS", 0.5)
    fake_llm.answers_by(lambda seen: Reply(mode="hang"))

    failure = failure_of(trial)

    assert failure.kind == "timed_out"
    assert "may still be loading" in failure.message


def test_a_list_that_never_comes_is_an_address_that_cannot_be_reached(
    trial, fake_llm, monkeypatch
):
    monkeypatch.setattr("llmconfig.listing.LIST_SECONDS", 0.5)
    fake_llm.answers(first_delay=5)

    failure = failure_of(trial)

    assert failure.kind == "unreachable"
    assert f"127.0.0.1:{fake_llm.port} cannot be reached" in failure.message
    assert fake_llm.calls() == []


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_list_that_is_kept_from_the_key_decides_nothing(trial, fake_llm, status):
    fake_llm.answers(status=status)

    result = trial()

    assert "It works" in result.message
    assert "is unverified" in result.message
    assert result.models is None


@pytest.mark.requirement("D-28", "O-59", "Q-23")
def test_a_name_that_is_in_no_list_may_answer_and_is_unverified(trial):
    result = trial(model="my-own-model")

    assert "The provider's list does not have my-own-model" in result.message
    assert "it is unverified" in result.message


@pytest.mark.requirement("M-34")
def test_openai_is_asked_with_the_limit_that_all_its_models_take(fake_llm):
    try_endpoint(
        provider=PROVIDERS["openai"],
        address=fake_llm.address,
        key=KEY,
        model="o4-mini",
    )

    assert all("max_completion_tokens" in seen.body for seen in fake_llm.calls())
    assert not any("max_tokens" in seen.body for seen in fake_llm.calls())


def test_a_model_that_only_thought_works_without_a_sample(trial, fake_llm):
    fake_llm.always_answers("", finish_reason="length")

    assert "word by word too." in trial().message


@pytest.mark.fault("A-SEC-1", "A-SSRF-12")
@pytest.mark.parametrize(
    "said",
    [
        "I was called with {key}!",
        "s.k-c.a.n.a.r.y-o.f",
        "It ends in trial-4711",
        "It is c2stY2FuYXJ5LW9mLWEtdHJpYWwtNDcxMQ== in base64",
    ],
)
def test_a_sample_never_repeats_a_piece_of_the_key(trial, fake_llm, said):
    fake_llm.always_answers(said.format(key=KEY))

    assert "word by word too." in trial().message


@pytest.mark.fault("A-SSRF-12")
def test_a_sample_is_plain_words_and_cut(trial, fake_llm):
    fake_llm.always_answers("**Bold**\n\n[a link](https://evil.example) " + "x" * 900)

    message = trial().message

    assert "“Bold a link evil.example x" in message
    assert "x" * 121 not in message
    assert "…”" in message


@pytest.mark.fault("A-SSRF-4", "A-SSRF-1", "A-SSRF-7")
@pytest.mark.parametrize(
    "address", ["http://10.0.0.1/v1", "https://169.254.169.254", "file:///etc/passwd"]
)
def test_a_trial_calls_no_address_that_is_not_allowed(trial, fake_llm, address):
    with pytest.raises(AddressDenied):
        trial(address=address)

    assert fake_llm.requests == []


@pytest.mark.fault("A-SSRF-4")
def test_a_trial_follows_no_redirect(trial, fake_llm):
    goal = f"{fake_llm.root}/elsewhere"
    fake_llm.always_answers(mode="redirect", location=goal)

    assert failure_of(trial).kind == "unreachable"
    assert not any("elsewhere" in seen.path for seen in fake_llm.requests)


@pytest.mark.requirement("M-34")
def test_read_models_keeps_so_many_names_of_plain_letters(fake_llm):
    fake_llm.models = ["a b", "<b>", KEY, "é", "x" * 121, "models/gemini", "gemini"]
    fake_llm.models += [f"model-{number}" for number in range(3000)]

    models = read_models(
        provider=PROVIDERS["compatible"], address=fake_llm.address, key=KEY
    )

    assert models[:2] == ["gemini", "model-0"]
    assert len(models) == 2000


@pytest.mark.parametrize("how", [{"status": 404}, {"status": 405}])
def test_read_models_is_empty_where_there_is_no_list(fake_llm, how):
    fake_llm.answers(**how)

    kind = PROVIDERS["compatible"]
    assert read_models(provider=kind, address=fake_llm.address, key="") == []


@pytest.mark.requirement("M-32")
def test_while_ai_is_off_nothing_is_sent(trial, fake_llm, settings):
    settings.AI_FEATURES_ENABLED = False

    failure = failure_of(trial)

    assert failure.kind == "ai_off"
    assert "AI is switched off" in failure.message
    with pytest.raises(TrialFailed):
        read_models(provider=PROVIDERS["compatible"], address=fake_llm.address, key=KEY)
    assert fake_llm.requests == []
