"""Connecting models: what is written, what a key opens for, which config is the default."""

import io
import re
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from core.errors import AddressDenied, SecretUnreadable
from llmconfig.errors import ChangedMeanwhile, EndpointOff, TrialFailed
from llmconfig.models import Endpoint, LLMConfig, ModelProfile
from llmconfig.services import configs, endpoints, keys, prices
from llmconfig.tests.calling import SITE_KEY as KEY
from tests.races import start, wait_until_blocked

pytestmark = pytest.mark.django_db


@pytest.mark.fault("A-SEC-3")
def test_connect_endpoint_saves_endpoint_key_and_default(connect, fake_llm):
    endpoint, result = connect()

    endpoint.refresh_from_db()
    config = endpoint.llmconfig_set.get()
    assert (config.model, config.is_default, config.owner) == ("fake-1", True, None)
    assert KEY not in endpoint.site_key
    assert keys.call_secrets(endpoint=endpoint) == KEY
    assert "Hello from the fake model." in result
    assert {seen.key for seen in fake_llm.requests} == {KEY}


@pytest.mark.parametrize(
    ("how", "changes", "kind"),
    [
        ({"status": 401}, {}, "key_refused"),
        ({"status": 403}, {}, "key_refused"),
        ({"status": 500}, {}, "overloaded"),
        ({}, {"model": "nope"}, "no_model"),
        ({}, {"api_base": "http://127.0.0.1:9/v1"}, "unreachable"),
        ({"mode": "redirect"}, {}, "unreachable"),
        ({}, {"provider": "openai", "key": ""}, "key_refused"),
    ],
)
def test_connect_endpoint_writes_nothing_when_the_trial_fails(
    connect, fake_llm, settings, how, changes, kind
):
    settings.LLM_PRIVATE_HOSTS.append(("127.0.0.1", 9))
    fake_llm.always_answers(**how)

    with pytest.raises(TrialFailed) as caught:
        connect(**changes)

    assert caught.value.kind == kind
    assert KEY not in caught.value.message
    assert not Endpoint.objects.exists()
    assert not LLMConfig.objects.exists()


def test_connect_endpoint_names_models_that_are_there(connect):
    with pytest.raises(TrialFailed, match=r"It has .*fake-1"):
        connect(model="nope")


@pytest.mark.fault("A-SSRF-12")
def test_connect_endpoint_shows_nothing_else_a_service_says(connect, fake_llm):
    fake_llm.models = ["<script>", "root:x:0:0 secret", "a b"]

    with pytest.raises(TrialFailed) as caught:
        connect(model="nope")

    assert "There is no model nope at this address" in caught.value.message
    assert not re.search("script|root|a b", caught.value.message)


def test_connect_endpoint_takes_a_service_without_a_list(connect, fake_llm):
    fake_llm.answers(status=404)

    _, result = connect()

    assert "Without a list of models, the name fake-1 is unverified." in result


@pytest.mark.fault("A-SSRF-7")
@pytest.mark.parametrize("is_tried", [True, False])
@pytest.mark.parametrize(
    "address",
    [
        "http://10.0.0.1/v1",
        "https://127.0.0.1/v1",
        "file:///x",
        "https://a:b@x.example",
    ],
)
def test_connect_endpoint_refuses_addresses_that_are_not_listed(
    connect, address, is_tried
):
    with pytest.raises(AddressDenied, match="LLM_PRIVATE_HOSTS"):
        connect(api_base=address, is_tried=is_tried)

    assert not Endpoint.objects.exists()


def test_connect_endpoint_names_a_name_that_stands_for_a_private_address(connect):
    with pytest.raises(TrialFailed) as caught:
        connect(api_base="https://localhost/v1")

    assert caught.value.kind == "unreachable"
    assert caught.value.message.endswith("Here: LLM_PRIVATE_HOSTS=localhost:443")


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("http://10.0.0.1:81/v1?key=x", "Here: LLM_PRIVATE_HOSTS=10.0.0.1:81"),
        ("http://llm.example.com/v1", "Here: LLM_PRIVATE_HOSTS=llm.example.com:80"),
        ("https://a:b@x.example", "as host:port."),
        ("file:///x", "as host:port."),
        ("https://x.example:99999999/", "as host:port."),
    ],
)
def test_connect_endpoint_says_how_an_address_is_listed(connect, address, hint):
    with pytest.raises(AddressDenied) as caught:
        connect(api_base=address)

    assert caught.value.message.endswith(hint)


def test_connect_endpoint_gives_a_second_one_its_own_names(connect):
    first, _ = connect()
    second, _ = connect()

    assert first.name != second.name
    assert LLMConfig.objects.default().endpoint == second


def test_what_was_not_tried_takes_no_default_s_place(connect):
    first, _ = connect()

    _, result = connect(is_tried=False)

    assert LLMConfig.objects.default().endpoint == first
    assert "fake-1 stays the default" in result


@pytest.mark.parametrize(("is_default", "count"), [(True, 1), (False, 0)])
def test_what_was_not_tried_fills_an_empty_place_when_told_to(
    connect, is_default, count
):
    _, result = connect(is_tried=False, is_default=is_default)

    assert LLMConfig.objects.filter(is_default=True).count() == count
    assert result == "It was not tried."


@pytest.mark.parametrize("is_loopback", [True, False])
def test_connect_endpoint_names_host_and_port_that_cannot_be_reached(
    connect, settings, is_loopback
):
    host = "127.0.0.1" if is_loopback else "nowhere.invalid"
    settings.LLM_PRIVATE_HOSTS.append((host, 9))

    with pytest.raises(TrialFailed) as caught:
        connect(api_base=f"http://{host}:9/secret-path?key={KEY}", provider="ollama")

    message = caught.value.message
    assert message.startswith(f"{host}:9 cannot be reached.")
    assert ("the machine this site runs on" in message) is is_loopback
    assert "OLLAMA_HOST" in message
    assert KEY not in message
    assert "secret-path" not in message


@pytest.mark.fault("A-SSRF-9", "A-SEC-3")
def test_a_key_does_not_open_for_an_address_written_past_us(connect):
    endpoint, _ = connect()

    Endpoint.objects.update(api_base="https://evil.example/v1")
    endpoint.refresh_from_db()

    with pytest.raises(SecretUnreadable):
        keys.call_secrets(endpoint=endpoint)
    assert keys.describe_key(endpoint=endpoint) == "cannot be read, enter it again"


@pytest.mark.parametrize(
    ("key", "shown"), [("", "none"), ("short", "set"), (KEY, "ends in e-42")]
)
def test_describe_key_shows_four_characters_at_most(connect, key, shown):
    endpoint, _ = connect(key=key)

    assert keys.describe_key(endpoint=endpoint) == shown


@pytest.mark.requirement("Q-33", "C-10")
def test_set_default_config_leaves_one(connect):
    connect()
    endpoint, _ = connect(is_default=False)
    config = endpoint.llmconfig_set.get()

    configs.set_default_config(config=config, actor=None)

    assert list(LLMConfig.objects.filter(is_default=True)) == [config]


@pytest.mark.requirement("M-06", "M-82")
def test_the_profile_a_site_begins_with_keeps_its_model_while_that_is_there(connect):
    first, _ = connect()
    config = first.llmconfig_set.get()

    other, _ = connect()

    assert LLMConfig.objects.default().endpoint == other
    assert ModelProfile.objects.get(key="compat").config == config
    endpoints.delete_endpoint(endpoint=first, actor=None)
    now = ModelProfile.objects.get(key="compat").config
    assert now == LLMConfig.objects.default()


@pytest.mark.requirement("M-06", "M-82")
def test_the_profile_a_site_begins_with_has_a_model_as_soon_as_the_site_has_one(staff):
    endpoints.connect_demo_model(url="http://127.0.0.1:5000/v1", key=KEY)
    demo = ModelProfile.objects.get(key="compat").config
    other = configs.clone_config(config=demo, owner=None, actor=staff)
    configs.set_default_config(config=other, actor=staff)

    ModelProfile.objects.filter(key="cheap").update(config=other)

    configs.delete_config(config=demo, actor=staff)

    assert ModelProfile.objects.get(key="compat").config == other


def test_set_default_config_takes_none_that_is_switched_off(connect):
    first, _ = connect()
    second, _ = connect(is_default=False)
    endpoints.switch_endpoint(endpoint=second, is_enabled=False, actor=None)

    with pytest.raises(EndpointOff, match="is switched off"):
        configs.set_default_config(config=second.llmconfig_set.get(), actor=None)

    assert LLMConfig.objects.default().endpoint == first


@pytest.mark.requirement("Q-33", "C-10", "O-54")
@pytest.mark.django_db(transaction=True)
def test_set_default_config_by_two_at_once_leaves_one(connect):
    rows = [
        connect(is_default=False, is_tried=False)[0].llmconfig_set.get()
        for _ in range(4)
    ]
    failures = []

    def make_default(config):
        try:
            configs.set_default_config(config=config, actor=None)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=make_default, args=[row]) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert LLMConfig.objects.filter(is_default=True).count() == 1


@pytest.mark.django_db(transaction=True)
def test_set_default_config_keeps_the_default_when_the_other_is_being_deleted(connect):
    first, _ = connect()
    second, _ = connect(is_default=False)
    config = second.llmconfig_set.get()

    with transaction.atomic():
        endpoints.delete_endpoint(endpoint=second, actor=None)
        chosen = start(lambda: configs.set_default_config(config=config, actor=None))
        wait_until_blocked(chosen)
    with pytest.raises(ChangedMeanwhile, match="the default stays"):
        chosen.result(60)

    assert LLMConfig.objects.default().endpoint == first


def test_set_default_config_takes_no_member_s(endpoint, alice):
    own = LLMConfig.objects.create(
        name="Mine", endpoint=endpoint, model="m", owner=alice
    )

    with pytest.raises(ChangedMeanwhile):
        configs.set_default_config(config=own, actor=None)

    assert LLMConfig.objects.default().name == "fake-1"


def test_connect_demo_model_makes_a_default_where_there_is_none():
    endpoints.connect_demo_model(url="http://127.0.0.1:5000/v1", key=KEY)

    config = LLMConfig.objects.get(is_default=True)
    assert (config.name, config.model, config.max_tokens) == (
        "Demo model",
        "smollm2",
        80,
    )
    assert config.endpoint.max_in_flight == 2
    assert keys.call_secrets(endpoint=config.endpoint) == KEY


def test_connect_demo_model_follows_the_new_port_and_keeps_the_rest(connect):
    endpoints.connect_demo_model(url="http://127.0.0.1:5000/v1", key=KEY)
    endpoint, _ = connect()
    LLMConfig.objects.filter(name="Demo model").update(temperature=1.5)

    endpoints.connect_demo_model(url="http://127.0.0.1:5001/v1", key="another-key")

    demo = LLMConfig.objects.get(name="Demo model")
    assert demo.temperature == 1.5
    assert demo.endpoint.api_base == "http://127.0.0.1:5001/v1"
    assert keys.call_secrets(endpoint=demo.endpoint) == "another-key"
    assert LLMConfig.objects.get(is_default=True).endpoint == endpoint


@pytest.mark.requirement("M-44")
def test_the_demo_model_costs_nothing_and_takes_no_keys_also_where_it_took_some():
    endpoints.connect_demo_model(url="http://127.0.0.1:5000/v1", key=KEY)
    Endpoint.objects.update(takes_own_keys=True)

    endpoints.connect_demo_model(url="http://127.0.0.1:5001/v1", key=KEY)

    demo = Endpoint.objects.get()
    assert not demo.takes_own_keys
    price = prices.price_of(endpoint=demo, model="smollm2")
    assert price is not None
    assert price.of(1000, 1000) == 0


def test_connect_demo_model_finds_it_under_the_names_staff_gave_it(connect):
    endpoints.connect_demo_model(url="http://127.0.0.1:5000/v1", key=KEY)
    Endpoint.objects.update(name="Small one")
    LLMConfig.objects.update(name="Tiny")

    endpoints.connect_demo_model(url="http://127.0.0.1:5001/v1", key=KEY)

    assert [str(row) for row in Endpoint.objects.all()] == ["Small one"]
    assert [str(row) for row in LLMConfig.objects.all()] == ["Tiny"]


def test_connect_demo_model_stays_off_when_it_was_switched_off():
    endpoints.connect_demo_model(url="http://127.0.0.1:5000/v1", key=KEY)
    LLMConfig.objects.update(is_default=False)
    Endpoint.objects.update(is_enabled=False)

    endpoints.connect_demo_model(url="http://127.0.0.1:5001/v1", key=KEY)

    assert LLMConfig.objects.default() is None
    assert not Endpoint.objects.get().is_enabled


@pytest.mark.requirement("M-83", "M-10")
def test_connect_model_reads_the_key_from_standard_input(fake_llm, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{KEY}\n"))

    call_command("connect_model", "compatible", "fake-1", address=fake_llm.address)

    assert keys.call_secrets(endpoint=Endpoint.objects.get()) == KEY
    assert KEY not in capsys.readouterr().out


def test_connect_model_says_why_it_failed(fake_llm, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))

    with pytest.raises(CommandError, match="no model nope"):
        call_command("connect_model", "compatible", "nope", address=fake_llm.address)
