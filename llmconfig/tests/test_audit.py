"""What is written down of changes to endpoints, keys and the default config."""

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from llmconfig.errors import EndpointInUse, TrialFailed
from llmconfig.models import Endpoint
from llmconfig.services import configs, endpoints
from llmconfig.tests.calling import SITE_KEY
from llmconfig.tests.test_endpoint_changes import change

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("D-55")]


def recorded() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))


def last() -> AuditEvent:
    return AuditEvent.objects.latest("pk")


def test_connecting_and_the_new_default_are_recorded(connect, staff, fake_llm):
    endpoint, _ = connect(actor=staff)

    first, second = AuditEvent.objects.order_by("pk")
    assert (first.actor, first.action) == (staff, "endpoint connected")
    assert (first.subject_kind, first.subject_key) == ("endpoint", str(endpoint.pk))
    assert first.detail["host"] == f"127.0.0.1:{fake_llm.port}"
    assert first.detail["has_key"] is True
    assert (second.actor, second.action) == (staff, "llmconfig made_default")
    assert second.subject_key == str(endpoint.llmconfig_set.get().pk)


def test_what_fails_is_not_recorded(endpoint, fake_llm, connect):
    before = recorded()

    with pytest.raises(TrialFailed):
        connect(model="nope")
    with pytest.raises(TrialFailed):
        change(endpoint, model="nope")
    with pytest.raises(EndpointInUse):
        endpoints.delete_endpoint(endpoint=endpoint, actor=None)

    assert recorded() == before


@pytest.mark.fault("A-SEC-1")
@pytest.mark.parametrize(
    ("changes", "fields", "key"),
    [
        ({"key": "sk-another-key-of-some-length"}, [], "replaced"),
        ({"name": "Ours", "max_in_flight": 2}, ["name", "max_in_flight"], "kept"),
        ({"model": "smollm2", "is_tried": False}, ["default_model"], "kept"),
        (
            {"api_base": "http://localhost:{port}/v1", "is_tried": False},
            ["api_base"],
            "removed",
        ),
    ],
)
def test_a_change_is_recorded_by_its_fields_never_its_key(
    endpoint, fake_llm, settings, staff, changes, fields, key
):
    settings.LLM_PRIVATE_HOSTS.append(("localhost", fake_llm.port))
    changes = {
        name: value.format(port=fake_llm.port) if isinstance(value, str) else value
        for name, value in changes.items()
    }

    change(endpoint, actor=staff, **changes)

    event = last()
    assert (event.actor, event.action) == (staff, "endpoint changed")
    assert (event.detail["fields"], event.detail["key"]) == (fields, key)
    everything = str(list(AuditEvent.objects.values()))
    assert SITE_KEY not in everything
    assert "sk-another" not in everything
    assert Endpoint.objects.get().site_key not in everything or key == "removed"


def test_saving_what_stands_already_is_not_recorded(endpoint):
    before = recorded()

    change(endpoint)

    assert recorded() == before


def test_switching_is_recorded_once(endpoint, staff):
    for is_enabled in (False, False, True):
        endpoints.switch_endpoint(endpoint=endpoint, is_enabled=is_enabled, actor=staff)

    assert recorded()[-2:] == ["endpoint switched_off", "endpoint switched_on"]
    assert last().actor == staff


def test_deleting_is_recorded_once_with_the_name(connect, staff):
    connect()
    endpoint, _ = connect(is_default=False)

    for _ in range(2):
        endpoints.delete_endpoint(endpoint=Endpoint(pk=endpoint.pk), actor=staff)

    assert recorded().count("endpoint deleted") == 1
    assert last().detail["name"] == "OpenAI-compatible 2"
    assert last().subject_key == str(endpoint.pk)


def test_making_what_is_the_default_the_default_is_not_recorded(endpoint):
    before = recorded()

    configs.set_default_config(config=endpoint.llmconfig_set.get(), actor=None)

    assert recorded() == before


def test_the_demo_model_is_recorded_when_it_is_new_and_not_at_every_start(db):
    for port in (5000, 5001):
        endpoints.connect_demo_model(url=f"http://127.0.0.1:{port}/v1", key="k" * 20)

    assert recorded() == ["endpoint connected", "llmconfig made_default"]
    assert last().actor is None


@pytest.mark.parametrize(
    ("page", "data", "action"),
    [
        ("endpoint_toggle", {"enable": "no"}, "endpoint switched_off"),
        ("endpoint_delete", {}, "endpoint deleted"),
        ("config_make_default", {}, "llmconfig made_default"),
    ],
)
def test_pages_record_who_pressed_the_button(visit, staff, connect, page, data, action):
    connect()
    endpoint, _ = connect(is_default=False)
    of_config = page.startswith("config")
    key = endpoint.llmconfig_set.get().pk if of_config else endpoint.pk

    visit.post(reverse(f"llmconfig:{page}", args=[key]), data)

    assert (last().actor, last().action) == (staff, action)


def test_the_forms_record_who_sent_them(visit, staff, fake_llm):
    values = {"provider": "compatible", "address": fake_llm.address, "model": "fake-1"}
    visit.post(reverse("llmconfig:endpoint_create"), values)
    endpoint = Endpoint.objects.get()
    visit.post(
        reverse("llmconfig:endpoint_edit", args=[endpoint.pk]),
        values | {"name": "Ours", "max_in_flight": "4", "deadline_seconds": "60"},
    )

    assert recorded() == ["endpoint connected", "endpoint changed"]
    assert {event.actor for event in AuditEvent.objects.all()} == {staff}
