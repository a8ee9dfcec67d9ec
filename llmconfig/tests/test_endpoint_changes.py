"""Changing and deleting an endpoint: what follows it, and what holds it."""

from datetime import timedelta

import pytest
from django.db import connection, transaction

from core.errors import AddressDenied
from llmconfig.errors import ChangedMeanwhile, EndpointInUse, TrialFailed
from llmconfig.models import AISettings, Endpoint, LLMConfig, ModelProfile
from llmconfig.services import endpoints, keys
from llmconfig.tests.calling import SITE_KEY
from tests.races import start, wait_until_blocked

pytestmark = pytest.mark.django_db


def change(endpoint, **changes):
    fields = {
        "name": endpoint.name,
        "api_base": endpoint.api_base,
        "key": "",
        "model": endpoint.default_model,
        "max_in_flight": endpoint.max_in_flight,
        "call_deadline": endpoint.call_deadline,
        "actor": None,
    }
    return endpoints.change_endpoint(endpoint=endpoint, **fields | changes)


@pytest.mark.fault("A-SSRF-9")
@pytest.mark.parametrize(
    ("address", "has_key"),
    [("{root}/other/v1", True), ("http://localhost:{port}/v1", False)],
)
def test_change_endpoint_erases_the_key_with_the_host(
    endpoint, fake_llm, settings, address, has_key
):
    settings.LLM_PRIVATE_HOSTS.append(("localhost", fake_llm.port))
    address = address.format(root=fake_llm.root, port=fake_llm.port)
    fake_llm.requests.clear()

    changed, _ = change(endpoint, api_base=address)

    endpoint.refresh_from_db()
    assert bool(endpoint.site_key) is bool(changed.site_key) is has_key
    assert {seen.key for seen in fake_llm.requests} == {SITE_KEY if has_key else ""}


def test_change_endpoint_takes_name_and_limits_without_a_trial(endpoint, fake_llm):
    fake_llm.requests.clear()

    _, result = change(
        endpoint, name="Ours", max_in_flight=1, call_deadline=timedelta(minutes=30)
    )

    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.max_in_flight) == ("Ours", 1)
    assert endpoint.call_deadline == timedelta(minutes=30)
    assert keys.call_secrets(endpoint=endpoint) == SITE_KEY
    assert (result, fake_llm.requests) == ("", [])


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"model": "nope"}, TrialFailed),
        ({"api_base": "http://127.0.0.1:9/v1"}, TrialFailed),
        ({"api_base": "http://10.0.0.1/v1"}, AddressDenied),
        ({"api_base": "http://10.0.0.1/v1", "is_tried": False}, AddressDenied),
    ],
)
def test_change_endpoint_writes_nothing_when_the_trial_fails(
    endpoint, settings, changes, error
):
    settings.LLM_PRIVATE_HOSTS.append(("127.0.0.1", 9))
    before = Endpoint.objects.values().get()

    with pytest.raises(error):
        change(endpoint, name="Ours", key="another", **changes)

    assert Endpoint.objects.values().get() == before
    assert LLMConfig.objects.get().model == "fake-1"


def test_change_endpoint_saves_untried_when_told_to(endpoint, fake_llm):
    _, result = change(endpoint, model="nope", is_tried=False)

    assert result == endpoints.UNTRIED
    assert LLMConfig.objects.get().model == "nope"


def test_change_endpoint_takes_the_site_s_configs_to_the_new_model(endpoint, alice):
    named = LLMConfig.objects.create(
        name="Careful", endpoint=endpoint, model="fake-1", is_global=True
    )
    other = LLMConfig.objects.create(
        name="Other", endpoint=endpoint, model="smollm2", is_global=True
    )
    own = LLMConfig.objects.create(
        name="Mine", endpoint=endpoint, model="fake-1", owner=alice
    )

    change(endpoint, model="gpt-4o-mini")

    config = LLMConfig.objects.default()
    assert (config.name, config.model) == ("gpt-4o-mini", "gpt-4o-mini")
    models = [LLMConfig.objects.get(pk=row.pk).model for row in (named, other, own)]
    assert models == ["gpt-4o-mini", "smollm2", "fake-1"]
    named.refresh_from_db()
    assert named.name == "Careful"


def test_a_config_of_a_taken_name_follows_its_endpoint_s_name(connect):
    connect()
    second, _ = connect()
    assert LLMConfig.objects.default().name == "fake-1 · OpenAI-compatible 2"

    second, _ = change(second, name="Ours")
    assert LLMConfig.objects.default().name == "fake-1 · Ours"

    change(second, name="Theirs", model="smollm2")
    assert LLMConfig.objects.default().name == "smollm2"


def test_change_endpoint_leaves_what_others_changed_during_its_trial(endpoint):
    stale = Endpoint.objects.get()
    endpoints.switch_endpoint(endpoint=endpoint, is_enabled=False, actor=None)
    change(endpoint, key="the-new-key-of-1234", max_in_flight=1)

    changed, _ = change(stale, name="Ours", call_deadline=timedelta(minutes=1))

    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.is_enabled) == ("Ours", False)
    assert (endpoint.max_in_flight, changed.max_in_flight) == (1, 1)
    assert keys.call_secrets(endpoint=endpoint) == "the-new-key-of-1234"


@pytest.mark.fault("A-SSRF-9")
@pytest.mark.parametrize("is_tried", [True, False])
def test_change_endpoint_takes_no_part_of_two_changes_of_what_is_tried(
    endpoint, fake_llm, is_tried
):
    stale = Endpoint.objects.get()
    change(endpoint, key="the-new-key-of-1234")
    before = Endpoint.objects.values().get()

    with pytest.raises(ChangedMeanwhile, match="send it once more"):
        change(
            stale, name="Ours", api_base=f"{fake_llm.root}/other/v1", is_tried=is_tried
        )

    assert Endpoint.objects.values().get() == before


def test_change_endpoint_brings_no_deleted_one_back(connect):
    connect()
    endpoint, _ = connect(is_default=False)
    endpoints.delete_endpoint(endpoint=Endpoint.objects.get(pk=endpoint.pk), actor=None)

    with pytest.raises(ChangedMeanwhile, match="2 was deleted meanwhile"):
        change(endpoint, key="the-new-key-of-1234")

    assert not Endpoint.objects.filter(pk=endpoint.pk).exists()


def test_change_endpoint_says_that_a_name_was_taken_meanwhile(connect):
    first, _ = connect()
    second, _ = connect()
    before = Endpoint.objects.filter(pk=second.pk).values().get()

    with pytest.raises(ChangedMeanwhile, match="has just taken this name"):
        change(second, name=first.name, max_in_flight=1)

    assert Endpoint.objects.filter(pk=second.pk).values().get() == before


@pytest.mark.django_db(transaction=True)
def test_connect_endpoint_says_that_its_name_was_taken_meanwhile(connect):
    with transaction.atomic():
        Endpoint.objects.create(name="OpenAI-compatible", provider="compatible")
        connected = start(lambda: connect(is_tried=False))
        wait_until_blocked(connected)

    with pytest.raises(ChangedMeanwhile, match="has just taken this name"):
        connected.result(60)

    assert Endpoint.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_change_endpoint_waits_for_no_record_of_a_call(endpoint):
    """Such a record points to both rows, and would wait for one of them in turn."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            for table in ("llmconfig_llmconfig", "llmconfig_endpoint"):
                cursor.execute(f"SELECT FROM {table} FOR KEY SHARE")
        changed = start(lambda: change(endpoint, model="smollm2", is_tried=False))
        wait_until_blocked(changed)
        assert changed.done()

    assert LLMConfig.objects.get().model == "smollm2"


def test_delete_endpoint_takes_its_configs_along(connect):
    connect()
    endpoint, _ = connect(is_default=False)

    for _ in range(2):  # the second finds nothing and does no harm
        endpoints.delete_endpoint(endpoint=Endpoint(pk=endpoint.pk), actor=None)

    assert not Endpoint.objects.filter(pk=endpoint.pk).exists()
    assert LLMConfig.objects.count() == 1


def test_delete_endpoint_keeps_the_default(endpoint):
    with pytest.raises(EndpointInUse, match="fake-1, the site's default model"):
        endpoints.delete_endpoint(endpoint=endpoint, actor=None)

    assert LLMConfig.objects.default().endpoint == endpoint


def needed_by_profile(config, alice):
    ModelProfile.objects.create(key="fast", config=config)


def needed_by_member(config, alice):
    AISettings.objects.create(user=alice, default_config=config)


def needed_by_member_s_config(config, alice):
    LLMConfig.objects.create(
        name="Mine", endpoint=config.endpoint, model="fake-1", owner=alice
    )


def needed_as_fallback(config, alice):
    LLMConfig.objects.update(fallback=config)


@pytest.mark.parametrize(
    ("need", "words"),
    [
        (needed_by_profile, "1 profile"),
        (needed_by_member, "1 member's default"),
        (needed_by_member_s_config, "1 other config"),
        (needed_as_fallback, "1 other config"),
    ],
)
def test_delete_endpoint_names_what_needs_it(connect, alice, need, words):
    connect()
    endpoint, _ = connect(is_default=False)
    need(endpoint.llmconfig_set.get(), alice)

    with pytest.raises(EndpointInUse) as caught:
        endpoints.delete_endpoint(endpoint=endpoint, actor=None)

    assert caught.value.uses == [words]
    assert Endpoint.objects.filter(pk=endpoint.pk).exists()
