"""What the database itself does not take."""

import pytest
from django.db import IntegrityError, transaction

from llmconfig.models import Endpoint, LLMConfig
from llmconfig.sampling import PARAMETERS


def test_an_endpoint_has_room_for_a_call(fake_endpoint):
    with pytest.raises(IntegrityError, match="one_call_at_least"):
        Endpoint.objects.update(max_in_flight=0)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("temperature", 0, 2),
        ("top_p", 0, 1),
        ("frequency_penalty", -2, 2),
        ("presence_penalty", -2, 2),
        ("repetition_penalty", 0, 2),
        ("max_tokens", 1, None),
        ("context_posts", 0, 200),
        ("context_tokens", 0, 1_000_000),
    ],
)
def test_a_config_s_numbers_stay_in_their_range(fake_config, name, low, high):
    beyond = [low - 1, *([high + 1] if high is not None else [])]
    if high in (1, 2):
        beyond.append(float("nan"))

    for value in (low, high or 9):
        LLMConfig.objects.update(**{name: value})
    for value in beyond:
        with pytest.raises(IntegrityError), transaction.atomic():
            LLMConfig.objects.update(**{name: value})


def test_every_sampling_parameter_is_a_number_that_a_config_may_leave_open():
    config = LLMConfig(**dict.fromkeys((it.name for it in PARAMETERS), 0))

    assert list(config.parameters) == [it.name for it in PARAMETERS]
    assert LLMConfig().parameters == {}


def test_a_config_without_parameters_is_one(fake_config):
    LLMConfig.objects.update(temperature=None, top_p=None, max_tokens=None)

    assert LLMConfig.objects.get().temperature is None
