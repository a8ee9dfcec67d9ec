"""Connecting models: what is written, what a key opens for, which config is the default."""

import io
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from core.errors import AddressDenied, SecretUnreadable
from llmconfig import services
from llmconfig.errors import TrialFailed
from llmconfig.models import Endpoint, LLMConfig

KEY = "sk-canary-of-the-site-42"

pytestmark = pytest.mark.django_db


@pytest.fixture
def connect(fake_llm):
    def connect(**changes):
        fields = {
            "provider": "compatible",
            "api_base": fake_llm.address,
            "key": KEY,
            "model": "fake-1",
            "is_default": True,
        }
        return services.connect_endpoint(**fields | changes)

    return connect


@pytest.mark.fault("A-SEC-3")
def test_connect_endpoint_saves_endpoint_key_and_default(connect, fake_llm):
    endpoint, result = connect()

    endpoint.refresh_from_db()
    config = endpoint.llmconfig_set.get()
    assert (config.model, config.is_default, config.owner) == ("fake-1", True, None)
    assert KEY not in endpoint.site_key
    assert services.call_secrets(endpoint=endpoint) == KEY
    assert "fake-1" in result
    assert fake_llm.requests[0].key == KEY


def test_connect_endpoint_says_what_it_did_not_test(connect):
    _, result = connect()

    assert "whether it takes the key, the first reply will show" in result


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
    fake_llm.answers(**how)

    with pytest.raises(TrialFailed) as caught:
        connect(**changes)

    assert caught.value.kind == kind
    assert KEY not in caught.value.message
    assert not Endpoint.objects.exists()
    assert not LLMConfig.objects.exists()


def test_connect_endpoint_names_models_that_are_there(connect):
    with pytest.raises(TrialFailed, match="fake-1"):
        connect(model="fake-2")


@pytest.mark.fault("A-SSRF-12")
def test_connect_endpoint_shows_nothing_else_a_service_says(connect, fake_llm):
    fake_llm.models = ["<script>", "root:x:0:0 secret", "a b"]

    with pytest.raises(TrialFailed) as caught:
        connect(model="nope")

    assert caught.value.message == "There is no model nope at this address."


def test_connect_endpoint_takes_a_service_without_a_list(connect, fake_llm):
    fake_llm.answers(status=404)

    _, result = connect()

    assert "no list of models" in result


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


def test_connect_endpoint_gives_a_second_one_its_own_names(connect):
    first, _ = connect()
    second, _ = connect(is_tried=False)

    assert first.name != second.name
    assert LLMConfig.objects.filter(is_default=True).get().endpoint == second


@pytest.mark.fault("A-SSRF-9")
@pytest.mark.parametrize(
    ("address", "has_key"),
    [("{root}/other/v1", True), ("http://localhost:{port}/v1", False)],
)
def test_change_endpoint_erases_the_key_with_the_host(
    connect, fake_llm, settings, address, has_key
):
    settings.LLM_PRIVATE_HOSTS.append(("localhost", fake_llm.port))
    endpoint, _ = connect()
    address = address.format(root=fake_llm.root, port=fake_llm.port)

    services.change_endpoint(endpoint=endpoint, api_base=address, key="")

    endpoint.refresh_from_db()
    assert bool(endpoint.site_key) is has_key


@pytest.mark.fault("A-SSRF-9", "A-SEC-3")
def test_a_key_does_not_open_for_an_address_written_past_us(connect):
    endpoint, _ = connect()

    Endpoint.objects.update(api_base="https://evil.example/v1")
    endpoint.refresh_from_db()

    with pytest.raises(SecretUnreadable):
        services.call_secrets(endpoint=endpoint)
    assert services.describe_key(endpoint=endpoint) == "cannot be read, enter it again"


@pytest.mark.parametrize(
    ("key", "shown"), [("", "none"), ("short", "set"), (KEY, "ends in e-42")]
)
def test_describe_key_shows_four_characters_at_most(connect, key, shown):
    endpoint, _ = connect(key=key)

    assert services.describe_key(endpoint=endpoint) == shown


def test_set_default_config_leaves_one(connect):
    connect()
    endpoint, _ = connect(is_default=False)
    config = endpoint.llmconfig_set.get()

    services.set_default_config(config=config)

    assert list(LLMConfig.objects.filter(is_default=True)) == [config]


@pytest.mark.django_db(transaction=True)
def test_set_default_config_by_two_at_once_leaves_one(connect):
    configs = [
        connect(is_default=False, is_tried=False)[0].llmconfig_set.get()
        for _ in range(4)
    ]
    failures = []

    def make_default(config):
        try:
            services.set_default_config(config=config)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=make_default, args=[row]) for row in configs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert LLMConfig.objects.filter(is_default=True).count() == 1


def test_connect_demo_model_makes_a_default_where_there_is_none():
    services.connect_demo_model(url="http://127.0.0.1:5000/v1", key=KEY)

    config = LLMConfig.objects.get(is_default=True)
    assert (config.name, config.model, config.max_tokens) == (
        "Demo model",
        "smollm2",
        80,
    )
    assert config.endpoint.max_in_flight == 2
    assert services.call_secrets(endpoint=config.endpoint) == KEY


def test_connect_demo_model_follows_the_new_port_and_keeps_the_rest(connect):
    services.connect_demo_model(url="http://127.0.0.1:5000/v1", key=KEY)
    endpoint, _ = connect()
    LLMConfig.objects.filter(name="Demo model").update(temperature=1.5)

    services.connect_demo_model(url="http://127.0.0.1:5001/v1", key="another-key")

    demo = LLMConfig.objects.get(name="Demo model")
    assert demo.temperature == 1.5
    assert demo.endpoint.api_base == "http://127.0.0.1:5001/v1"
    assert services.call_secrets(endpoint=demo.endpoint) == "another-key"
    assert LLMConfig.objects.get(is_default=True).endpoint == endpoint


def test_connect_model_reads_the_key_from_standard_input(fake_llm, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{KEY}\n"))

    call_command("connect_model", "compatible", "fake-1", address=fake_llm.address)

    assert services.call_secrets(endpoint=Endpoint.objects.get()) == KEY
    assert KEY not in capsys.readouterr().out


def test_connect_model_says_why_it_failed(fake_llm, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))

    with pytest.raises(CommandError, match="no model nope"):
        call_command("connect_model", "compatible", "nope", address=fake_llm.address)
