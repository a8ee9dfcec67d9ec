"""A call sends what it says and hands on what comes."""

import threading
from datetime import timedelta

import pytest

from llmconfig import client
from llmconfig.tests.calling import KEY


@pytest.mark.requirement("M-02", "M-03")
def test_complete_returns_text_usage_and_times(call, fake_llm):
    fake_llm.answers("One two three four.", chunks=4)

    answer = client.complete(call())

    assert answer.text == "One two three four."
    assert (answer.finish_reason, answer.refusal) == ("stop", "")
    assert answer.tokens_in > 0
    assert answer.tokens_out == 4
    assert 0 < answer.first_text_seconds <= answer.total_seconds
    assert answer.cost_usd is None
    assert fake_llm.requests[0].key == KEY


def test_complete_hands_on_text_as_it_arrives(call, fake_llm):
    fake_llm.answers("One two three four.", chunks=4, delay=0.05)
    pieces = []

    answer = client.complete(call(), on_text=pieces.append)

    assert len(pieces) == 4
    assert "".join(pieces) == answer.text
    assert answer.first_text_seconds < answer.total_seconds


def test_complete_sends_what_the_call_says(call, fake_llm, protocol):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello?"},
    ]
    parameters = {"temperature": 0.0, "max_tokens": 7, "top_p": None}

    client.complete(call(messages=messages, parameters=parameters))

    sent = fake_llm.requests[0].body
    assert (sent["model"], sent["stream"]) == ("fake-1", True)
    assert (sent["temperature"], sent["max_tokens"]) == (0.0, 7)
    assert "top_p" not in sent
    if protocol == "openai":
        assert sent["messages"] == messages
        assert sent["stream_options"] == {"include_usage": True}
    else:
        assert sent["system"][0]["text"] == "Be brief."


ALL_PARAMETERS = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 3,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
    "repetition_penalty": 1.1,
    "max_tokens": 9,
}


def test_complete_leaves_out_parameters_the_provider_does_not_take(
    call, fake_llm, protocol
):
    client.complete(call(parameters=ALL_PARAMETERS))

    sent = fake_llm.requests[0].body
    taken = set(ALL_PARAMETERS)
    if protocol == "anthropic":
        taken = {"temperature", "top_p", "top_k", "max_tokens"}
    assert set(ALL_PARAMETERS) & set(sent) == taken


@pytest.mark.fault("A-SSRF-10")
@pytest.mark.parametrize(
    "name",
    "api_base base_url api_key api_version organization extra_headers headers model_list"
    " fallbacks context_window_fallback_dict custom_llm_provider mock_response mock_delay"
    " mock_tool_calls client shared_session tools tool_choice functions function_call"
    " user metadata num_retries max_retries timeout stream stream_options n stop seed"
    " response_format logit_bias logprobs callbacks success_callback input_callback"
    " caching cache model_info input_cost_per_token aws_access_key_id vertex_project"
    " azure_ad_token region_name allowed_openai_params drop_params extra_body"
    " additional_drop_params web_search_options thinking reasoning_effort prompt_id"
    " prompt_variables litellm_params litellm_logging_obj user_config provider"
    " deployment_id acompletion text_completion force_timeout logger_fn verbose".split(),
)
def test_complete_passes_no_other_parameter_on(call, fake_llm, name):
    hostile = "http://127.0.0.1:9/canary"

    client.complete(call(parameters={name: hostile}))

    (seen,) = fake_llm.requests
    assert hostile not in f"{seen.body} {seen.headers}"
    assert seen.key == KEY


def test_complete_gives_anthropic_the_limit_it_wants(call, fake_llm, protocol):
    client.complete(call())

    expected = 4096 if protocol == "anthropic" else None
    assert fake_llm.requests[0].body.get("max_tokens") == expected


@pytest.mark.parametrize(
    "model",
    "openai/gpt-4o anthropic/claude-x o1-pro gpt-5-codex gpt-3.5-turbo-instruct"
    " responses/gpt-4o bedrock/x text-completion-openai/x huggingface/a/b"
    " vertex_ai/x meta-llama/Llama-3:free".split(),
)
@pytest.mark.fault("A-SSRF-11")
def test_complete_calls_the_address_it_was_given_whatever_the_model_is_called(
    call, fake_llm, model
):
    client.complete(call(model=model))

    (seen,) = fake_llm.requests
    assert seen.path in ("/v1/chat/completions", "/v1/messages")
    assert seen.model.endswith(model.removeprefix("responses/"))


def test_calls_run_beside_one_another(call, fake_llm):
    """None is answered before all of them have come."""
    fake_llm.gate.clear()
    patient = call(deadline=timedelta(minutes=2))
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(client.complete(patient)))
        for _ in range(40)
    ]

    for thread in threads:
        thread.start()
    fake_llm.wait_for(40, seconds=60)
    fake_llm.gate.set()
    for thread in threads:
        thread.join()

    assert len(answers) == 40
