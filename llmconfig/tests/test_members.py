"""What members set for themselves about models."""

import itertools

import pytest
from django.db import IntegrityError, transaction

from accounts.models import AuditEvent
from core.errors import NotAllowed
from llmconfig.models import AISettings, Endpoint, LLMConfig, ProviderPreference
from llmconfig.services import members
from tests.races import start, wait_until_blocked

pytestmark = pytest.mark.django_db


def own_of(member, endpoint) -> LLMConfig:
    return LLMConfig.objects.create(
        name="Own", owner=member, endpoint=endpoint, model="own-1"
    )


@pytest.mark.requirement("M-11", "M-14", "M-84", "D-05", "D-08")
def test_settings_are_made_on_demand_with_ai_on(alice):
    assert members.ai_settings_of(alice).ai_enabled
    assert members.ai_settings_of(alice).default_config is None
    assert not AISettings.objects.exists()

    members.switch_ai(member=alice, is_on=False)
    members.switch_ai(member=alice, is_on=False)

    assert not AISettings.objects.get(user=alice).ai_enabled
    event = AuditEvent.objects.get()
    assert (event.action, event.actor) == ("aisettings switched_off", alice)
    assert event.detail == {"before": True, "after": False}


@pytest.mark.requirement("D-06", "M-13", "Q-50", "O-54")
def test_there_is_one_default_and_it_can_be_taken_back(alice, fake_config):
    own = own_of(alice, fake_config.endpoint)

    for config in (fake_config, own, None):
        members.set_default_model(member=alice, config=config)
        assert AISettings.objects.get(user=alice).default_config == config

    assert AISettings.objects.count() == 1
    details = [it.detail for it in AuditEvent.objects.order_by("pk")]
    keys = [None, str(fake_config.pk), str(own.pk), None]
    changes = [(it["before"], it["after"]) for it in details]
    assert changes == list(itertools.pairwise(keys))


@pytest.mark.requirement("D-33")
def test_another_members_config_is_nobodys_default(alice, bob, fake_config):
    own = own_of(bob, fake_config.endpoint)

    with pytest.raises(NotAllowed):
        members.set_default_model(member=alice, config=own)

    assert not AISettings.objects.exists()


@pytest.mark.requirement("D-02", "D-03", "D-07", "D-09", "D-26", "O-55")
def test_a_provider_has_one_wished_model_and_its_uses(alice, bob, fake_endpoint):
    first, before = members.prefer_model(
        member=alice, endpoint=fake_endpoint, model="large"
    )
    members.count_use(member_id=alice.pk, endpoint_id=fake_endpoint.pk, model="LARGE")
    members.prefer_model(member=bob, endpoint=fake_endpoint, model="theirs")
    row = ProviderPreference.objects.of(alice).get()
    assert (before, row.pk, row.uses) == ("", first.pk, 1)
    assert row.last_used_at is not None

    again, replaced = members.prefer_model(
        member=alice, endpoint=fake_endpoint, model="small"
    )

    assert (again.pk, replaced, again.uses) == (first.pk, "large", 0)
    with pytest.raises(IntegrityError), transaction.atomic():
        ProviderPreference.objects.create(user=alice, endpoint=fake_endpoint, model="x")


@pytest.mark.requirement("D-12")
def test_one_or_all_wished_models_are_forgotten(alice, bob, fake_endpoint):
    other = Endpoint.objects.create(name="Other", provider="compatible")
    for member in (alice, bob):
        for endpoint in (fake_endpoint, other):
            members.prefer_model(member=member, endpoint=endpoint, model="m")

    assert members.forget_preferences(member=alice, endpoint=other) == 1
    assert members.forget_preferences(member=alice, endpoint=other) == 0
    assert members.forget_preferences(member=alice) == 1

    assert ProviderPreference.objects.of(bob).count() == 2


@pytest.mark.requirement("D-25", "O-58")
@pytest.mark.django_db(transaction=True)
def test_uses_that_end_at_once_are_all_counted(alice, fake_endpoint):
    members.prefer_model(member=alice, endpoint=fake_endpoint, model="m")

    def use() -> None:
        members.count_use(member_id=alice.pk, endpoint_id=fake_endpoint.pk, model="m")

    with transaction.atomic():
        use()
        second = start(use)
        wait_until_blocked(second)
    second.result(60)

    assert ProviderPreference.objects.get().uses == 2
