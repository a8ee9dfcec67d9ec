"""What the tier of a member allows, applied once a model is chosen."""

import pytest

from llmconfig.models import AISettings, ModelProfile, OpenTo
from llmqueue.errors import TierNotAllowed
from llmqueue.handlers import Inputs
from llmqueue.models import LLMRequest, Status
from llmqueue.resolution.resolving import resolve
from llmqueue.resolution.tier_rule import RULE
from llmqueue.tests.conftest import run_until_quiet
from llmqueue.tests.limits import ask
from tests.own_keys import bring_key

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def newcomer(make_member):
    return make_member("newcomer", is_confirmed=False)


@pytest.fixture
def cheap(make_config, fake_config):
    """The site's cheap model, beside its default."""
    config = make_config("cheap", endpoint=fake_config.endpoint)
    ModelProfile.objects.create(key="cheap", config=config)
    return config


@pytest.mark.requirement("C-03", "M-25")
def test_an_unconfirmed_member_with_an_expensive_override_gets_the_cheap_model(
    newcomer, cheap, make_config, fake_config, fake_llm, note_handler
):
    dear = make_config("dear", endpoint=fake_config.endpoint)
    AISettings.objects.create(user=newcomer, default_config=dear)
    request = ask(newcomer)

    run_until_quiet()

    [call] = fake_llm.calls()
    assert call.body["model"] == cheap.model
    receipt = LLMRequest.objects.get(pk=request.pk).last_attempt.receipt
    chosen, swapped = [it for it in receipt["steps"]["config"] if it["won"]]
    assert chosen["rule"] == "the member's default"
    assert swapped["rule"] == RULE
    assert receipt["notes"] == [
        "cheap answered in the place of dear, as for every new member."
    ]


def test_a_key_that_is_used_no_more_frees_nobody_from_the_cheap_model(
    newcomer, cheap, fake_config
):
    """Where calls need no key, any word passed for one while members' were taken."""
    endpoint = fake_config.endpoint
    endpoint.open_to = OpenTo.NOBODY
    endpoint.save()
    bring_key(newcomer, endpoint, "any-word-at-all-passes-here")
    endpoint.open_to = OpenTo.MEMBERS
    endpoint.save()

    receipt = resolve(Inputs(member=newcomer))

    assert receipt.key_owner is None
    assert receipt.choice.config == cheap


@pytest.mark.parametrize("who", ["alice", "staff"])
def test_others_get_what_was_chosen(who, request, cheap, fake_config):
    member = request.getfixturevalue(who)

    assert resolve(Inputs(member=member)).choice.config == fake_config


def test_a_choice_that_is_the_cheap_model_anyway_is_no_swap(newcomer, cheap):
    receipt = resolve(Inputs(member=newcomer, config=cheap))

    assert receipt.config_steps[-1].rule == "chosen for this request"
    assert receipt.notes == ()


@pytest.mark.requirement("M-28")
def test_without_a_cheap_model_asking_is_refused_and_says_so(
    newcomer, fake_config, note_handler
):
    with pytest.raises(TierNotAllowed, match="the site has set none"):
        ask(newcomer)

    assert not LLMRequest.objects.exists()


def test_a_cheap_model_that_is_off_is_refused_and_says_so(
    newcomer, cheap, make_endpoint, fake_config
):
    cheap.endpoint = make_endpoint(is_enabled=False)
    cheap.save()

    with pytest.raises(TierNotAllowed, match="it is switched off"):
        resolve(Inputs(member=newcomer))


def test_the_cheap_models_fallback_is_not_for_unconfirmed_members(
    newcomer, cheap, fake_config, fake_llm, note_handler
):
    cheap.fallback = fake_config
    cheap.save()
    fake_llm.always_answers(status=503)
    request = ask(newcomer)

    run_until_quiet()

    request.refresh_from_db()
    assert (request.status, request.error_class) == (Status.ERROR, "overloaded")
    assert {call.body["model"] for call in fake_llm.calls()} == {cheap.model}
