"""Whether a call needs a key is one answer, for forms, trials and receipts."""

import pytest

from llmconfig.errors import KEY_NEEDED, TrialFailed
from llmconfig.forms.endpoints import ConnectForm
from llmconfig.models import Endpoint, LLMConfig
from llmconfig.services import endpoints
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.resolution.resolving import resolve


def form_asks(endpoint) -> bool:
    form = ConnectForm(
        {
            "provider": endpoint.provider,
            "address": endpoint.api_base,
            "model": endpoint.default_model,
        }
    )
    return "key" in form.errors


def trial_asks(endpoint) -> bool:
    try:
        endpoints.retry_trial(endpoint=endpoint)
    except TrialFailed as failure:
        return failure.message == KEY_NEEDED
    return False


def receipt_asks(endpoint) -> bool:
    try:
        resolve(Inputs(member=None))
    except Refused as refusal:
        return refusal.error_class == "no_key"
    return False


@pytest.mark.parametrize(
    ("provider", "address", "is_needed"),
    [
        ("compatible", "https://api.openai.com/v1", True),
        ("ollama", "https://API.Groq.com/openai/v1", True),
        ("anthropic", "", True),
        ("openai", "{fake}", True),
        ("compatible", "{fake}", False),
        ("tgi", "{fake}", False),
    ],
)
def test_all_agree_whether_a_key_is_needed(db, fake_llm, provider, address, is_needed):
    endpoint = Endpoint.objects.create(
        name="Here",
        provider=provider,
        api_base=address.format(fake=fake_llm.address),
        default_model="fake-1",
    )
    LLMConfig.objects.create(
        name="Here", endpoint=endpoint, model="fake-1", is_global=True, is_default=True
    )

    answers = [ask(endpoint) for ask in (form_asks, trial_asks, receipt_asks)]

    assert answers == [is_needed] * 3
