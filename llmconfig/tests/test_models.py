"""What the database itself does not take."""

import pytest
from django.db import IntegrityError, connection, transaction

from llmconfig.models import (
    AISettings,
    ApiKey,
    Endpoint,
    Favourite,
    LLMConfig,
    ProviderPreference,
)
from llmconfig.sampling import PARAMETERS
from llmconfig.services import configs
from tests.own_keys import bring_key


def test_an_endpoint_has_room_for_a_call(fake_endpoint):
    with pytest.raises(IntegrityError, match="one_call_at_least"):
        Endpoint.objects.update(max_in_flight=0)


@pytest.mark.requirement("C-09", "Q-08", "D-39")
@pytest.mark.parametrize("is_global", [True, False])
def test_a_config_is_the_sites_just_when_it_has_no_owner(alice, fake_config, is_global):
    wrong = {"is_global": is_global, "owner": alice if is_global else None}

    with pytest.raises(IntegrityError, match="config_global_without_owner"):
        LLMConfig.objects.filter(pk=fake_config.pk).update(is_default=False, **wrong)


@pytest.mark.requirement("C-09")
def test_whoever_made_a_config_of_the_site_is_not_its_owner(staff, fake_endpoint):
    config = configs.create_config(
        owner=None, actor=staff, name="Calm", endpoint=fake_endpoint, model="m"
    )

    assert (config.owner, config.created_by, config.is_global) == (None, staff, True)


@pytest.mark.requirement("D-29")
def test_what_a_member_set_about_models_goes_with_them(alice, bob, fake_config):
    own = LLMConfig.objects.create(
        name="Hers", owner=alice, endpoint=fake_config.endpoint, model="m"
    )
    for user in (alice, bob):
        AISettings.objects.create(user=user, default_config=fake_config)
        Favourite.objects.create(user=user, config=fake_config)
        ProviderPreference.objects.create(
            user=user, endpoint=fake_config.endpoint, model="m"
        )
        bring_key(user, fake_config.endpoint, "sk-canary-of-a-member")
    made = LLMConfig.objects.create(
        name="Ours",
        created_by=alice,
        endpoint=fake_config.endpoint,
        model="m",
        is_global=True,
    )

    alice.delete()

    for model in (AISettings, Favourite, ProviderPreference, ApiKey):
        assert model.objects.get().user == bob
    assert not LLMConfig.objects.filter(pk=own.pk).exists()
    made.refresh_from_db()
    assert made.created_by is None


@pytest.mark.requirement("D-29", "D-39")
def test_the_database_keeps_no_row_of_nobody(alice, fake_endpoint):
    row = ProviderPreference.objects.create(
        user=alice, endpoint=fake_endpoint, model="m"
    )

    def belong_to_nobody(field: str) -> None:
        ProviderPreference.objects.filter(pk=row.pk).update(**{f"{field}_id": 0})
        connection.check_constraints()

    for field in ("user", "endpoint"):
        with pytest.raises(IntegrityError), transaction.atomic():
            belong_to_nobody(field)


@pytest.mark.requirement("D-30")
@pytest.mark.parametrize(
    ("model", "columns", "is_unique"),
    [
        (ProviderPreference, ["user_id"], False),
        (ProviderPreference, ["endpoint_id"], False),
        (ProviderPreference, ["user_id", "endpoint_id"], True),
        (ApiKey, ["user_id", "endpoint_id"], True),
        (AISettings, ["user_id"], True),
        (AISettings, ["default_config_id"], False),
        (LLMConfig, ["owner_id"], False),
        (LLMConfig, ["endpoint_id"], False),
        (LLMConfig, ["is_default"], True),
    ],
)
def test_what_is_looked_up_has_an_index(db, model, columns, is_unique):
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)

    of_columns = [it for it in found.values() if it["columns"] == columns]
    assert any(it["index"] or it["unique"] for it in of_columns)
    assert any(it["unique"] for it in of_columns) is is_unique


@pytest.mark.requirement("D-39", "D-46")
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
