"""An endpoint that anything in the apps above it points to is not deleted."""

from uuid import uuid4

import pytest

from llmconfig.errors import EndpointInUse
from llmconfig.models import Endpoint, LLMConfig, ProviderPreference
from llmconfig.services import endpoints
from llmqueue.models import Lane, LLMAttempt, LLMRequest
from llmqueue.work import lanes
from personas.models import Persona, UserPersonaSettings


@pytest.fixture
def spare(fake_config) -> LLMConfig:
    """A config that is not the default, at an endpoint of its own."""
    endpoint = Endpoint.objects.create(name="Spare", provider="compatible")
    return LLMConfig.objects.create(
        name="Spare model", model="m", endpoint=endpoint, is_global=True
    )


def queue(lane_of: Endpoint, **fields) -> LLMRequest:
    lane = lanes.lane_of(lane_of)
    return LLMRequest.objects.create(kind="note", lane=lane, turn=1, **fields)


def waiting_in_its_lane(spare, alice, elsewhere):
    queue(spare.endpoint)


def answered_in_its_lane(spare, alice, elsewhere):
    queue(spare.endpoint, status="complete", finished_at="2026-01-01T00:00Z")


def asked_for_by_a_request(spare, alice, elsewhere):
    queue(elsewhere, config=spare, endpoint=spare.endpoint)


def fallback_of_a_request(spare, alice, elsewhere):
    queue(elsewhere, fallback_config=spare)


def called_by_an_attempt(spare, alice, elsewhere):
    LLMAttempt.objects.create(
        request=queue(elsewhere),
        number=1,
        lease_token=uuid4(),
        receipt={},
        persona_version=Persona.objects.first().current_version,
        endpoint=spare.endpoint,
    )


def model_of_personas(spare, alice, elsewhere):
    Persona.objects.filter(is_fallback=True).update(default_config=spare)


def override_for_a_persona(spare, alice, elsewhere):
    persona = Persona.objects.first()
    UserPersonaSettings.objects.create(user=alice, persona=persona, config=spare)


def preferred_by_a_member(spare, alice, elsewhere):
    ProviderPreference.objects.create(user=alice, endpoint=spare.endpoint, model="m")


@pytest.mark.parametrize(
    ("need", "words"),
    [
        (waiting_in_its_lane, "1 request, waiting or answered"),
        (answered_in_its_lane, "1 request, waiting or answered"),
        (asked_for_by_a_request, "1 request, waiting or answered"),
        (fallback_of_a_request, "1 request, waiting or answered"),
        (called_by_an_attempt, "1 call on record"),
        (model_of_personas, "1 persona's own model"),
        (override_for_a_persona, "1 member's model for a persona"),
        (preferred_by_a_member, "1 member's preference"),
    ],
)
def test_an_endpoint_that_is_needed_is_not_deleted(
    spare, alice, fake_endpoint, need, words
):
    need(spare, alice, fake_endpoint)

    with pytest.raises(EndpointInUse) as caught:
        endpoints.delete_endpoint(endpoint=spare.endpoint, actor=None)

    assert caught.value.uses == [words]
    assert Endpoint.objects.filter(pk=spare.endpoint_id).exists()


def test_an_endpoint_whose_lane_is_empty_is_deleted_with_it(spare):
    lanes.lane_of(spare.endpoint)

    endpoints.delete_endpoint(endpoint=spare.endpoint, actor=None)

    assert not Endpoint.objects.filter(pk=spare.endpoint_id).exists()
    assert not Lane.objects.exists()
