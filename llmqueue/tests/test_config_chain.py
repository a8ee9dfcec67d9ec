"""The nine levels that may say which model answers, and what becomes of each."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction

from llmconfig.models import (
    AISettings,
    Endpoint,
    LLMConfig,
    ModelProfile,
    ProviderPreference,
)
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.pages.hierarchy import hierarchy_of
from llmqueue.resolution.config_ladder import resolve_config
from llmqueue.resolution.resolving import resolve
from personas.models import Persona, PersonaOwner, UserPersonaSettings, Visibility


@dataclass(frozen=True)
class Level:
    """One level: what receipts call it, and its model and endpoint in the chain below."""

    rule: str
    model: str
    endpoint: str
    remove: Callable[[Inputs], Inputs]


def _gone(rows: Callable[[], object]) -> Callable[[Inputs], Inputs]:
    def remove(inputs: Inputs) -> Inputs:
        rows()
        return inputs

    return remove


# The order of design and of C-01. Q-42, M-07 and D-31 are parts of it.
LEVELS = (
    Level(
        "chosen for this request",
        "model-chosen",
        "At chosen",
        lambda inputs: replace(inputs, config=None),
    ),
    Level(
        "the member's model for this persona",
        "model-override",
        "At override",
        _gone(lambda: UserPersonaSettings.objects.update(config=None)),
    ),
    Level(
        "the member's default",
        "model-member",
        "At member",
        _gone(lambda: AISettings.objects.update(default_config=None)),
    ),
    Level(
        "the member's model at this provider",
        "model-preferred",
        "Preferred",
        _gone(lambda: ProviderPreference.objects.all().delete()),
    ),
    Level(
        "the persona's default",
        "model-persona",
        "At persona",
        _gone(lambda: Persona.objects.update(default_config=None)),
    ),
    Level(
        "the default for this kind of request",
        "model-mode",
        "At mode",
        _gone(lambda: ModelProfile.objects.filter(key="general").update(config=None)),
    ),
    Level(
        "the subforum's model",
        "model-pin",
        "At pin",
        _gone(lambda: ModelProfile.objects.filter(key="pinned").update(config=None)),
    ),
    Level(
        "the site's default",
        "model-site",
        "At site",
        _gone(lambda: LLMConfig.objects.update(is_default=False)),
    ),
    Level(
        "the first endpoint that is on",
        "model-first",
        "First",
        _gone(lambda: Endpoint.objects.update(default_model="")),
    ),
)
RULES = [level.rule for level in LEVELS]
NAMES = [level.model.removeprefix("model-") for level in LEVELS]


@pytest.fixture
def chain(alice, maestro, make_config, make_endpoint) -> Inputs:
    """Every level set to a model and an endpoint of its own."""
    make_endpoint(name="First", default_model="model-first", position=1)
    configs = {
        name: make_config(name, endpoint=make_endpoint(name=f"At {name}", position=5))
        for name in ("chosen", "override", "member", "persona", "mode", "pin", "site")
    }
    UserPersonaSettings.objects.create(
        user=alice, persona=maestro, config=configs["override"]
    )
    AISettings.objects.create(user=alice, default_config=configs["member"])
    preferred = make_endpoint(name="Preferred", position=4)
    ProviderPreference.objects.create(
        user=alice, endpoint=preferred, model="model-preferred"
    )
    Persona.objects.filter(pk=maestro.pk).update(default_config=configs["persona"])
    ModelProfile.objects.update_or_create(
        key="general", defaults={"config": configs["mode"]}
    )
    pin = ModelProfile.objects.create(key="pinned", config=configs["pin"])
    LLMConfig.objects.filter(pk=configs["site"].pk).update(is_default=True)
    return Inputs(
        member=alice,
        persona=maestro,
        config=configs["chosen"],
        endpoint=preferred,
        place_profile=pin,
    )


def remove(levels: tuple[Level, ...], inputs: Inputs) -> Inputs:
    for level in levels:
        inputs = level.remove(inputs)
    return inputs


@pytest.mark.requirement(
    "C-01", "Q-42", "Q-45", "Q-52", "Q-57", "M-01", "M-07", "D-21", "D-24", "D-31"
)
@pytest.mark.parametrize("index", range(9), ids=NAMES)
def test_each_level_answers_once_those_before_it_are_removed(chain, index):
    inputs = remove(LEVELS[:index], chain)

    receipt = resolve(inputs)

    level = LEVELS[index]
    assert receipt.choice.model == level.model
    assert [step.rule for step in receipt.config_steps] == RULES[: index + 1]
    assert [step.won for step in receipt.config_steps] == [False] * index + [True]
    assert all(step.why for step in receipt.config_steps)


@pytest.mark.requirement("C-01", "D-14", "O-56")
@pytest.mark.parametrize("index", range(9), ids=NAMES)
def test_provider_and_model_come_from_one_row(chain, index):
    inputs = remove(LEVELS[:index], chain)

    choice = resolve(inputs).choice

    level = LEVELS[index]
    assert (choice.endpoint.name, choice.model) == (level.endpoint, level.model)


@pytest.mark.requirement("C-01")
@pytest.mark.parametrize("index", range(9), ids=NAMES)
def test_each_level_answers_alone(chain, index):
    others = (*LEVELS[:index], *LEVELS[index + 1 :])
    inputs = remove(others, chain)

    choice = resolve(inputs).choice

    assert choice.model == LEVELS[index].model


@pytest.mark.requirement("C-01", "Q-37")
@pytest.mark.parametrize("index", range(9), ids=NAMES)
def test_one_level_removed_is_shown_as_none_and_the_others_stay(chain, index):
    inputs = LEVELS[index].remove(chain)

    found = hierarchy_of(inputs)

    models = [row.model.split(" at ")[0] for row in found.models]
    expected = [level.model for level in LEVELS]
    expected[index] = ""
    assert models == expected
    winner = 1 if index == 0 else 0
    assert [row.won for row in found.models] == [it == winner for it in range(9)]
    assert found.answer.model == found.models[winner].name


@pytest.mark.requirement("Q-43", "C-04")
def test_resolve_says_so_when_no_model_is_left(chain):
    inputs = remove(LEVELS, chain)

    with pytest.raises(Refused) as refusal:
        resolve(inputs)

    assert refusal.value.error_class == "no_model"
    assert refusal.value.is_failure
    assert "Settings" in refusal.value.message


@pytest.mark.requirement("C-23", "D-13", "D-43")
def test_without_a_member_their_levels_are_passed_over(chain):
    inputs = replace(chain, member=None, config=None)

    receipt = resolve(inputs)

    assert receipt.choice.model == "model-persona"
    assert [step.won for step in receipt.config_steps] == [False] * 4 + [True]


@pytest.mark.parametrize("index", range(8), ids=NAMES[:8])
def test_a_level_whose_endpoint_is_off_is_passed_over(chain, index):
    inputs = remove(LEVELS[:index], chain)
    Endpoint.objects.filter(name=LEVELS[index].endpoint).update(is_enabled=False)
    if inputs.config:
        inputs.config.endpoint.refresh_from_db()
    if inputs.endpoint:
        inputs.endpoint.refresh_from_db()

    receipt = resolve(inputs)

    step = receipt.config_steps[index]
    assert not step.won
    assert "switched off" in step.why
    assert receipt.choice.model == LEVELS[index + 1].model


@pytest.mark.requirement("M-08")
def test_a_profile_without_a_model_is_passed_over_with_a_reason(chain):
    inputs = remove(LEVELS[:7], chain)

    steps = resolve(inputs).config_steps

    assert steps[5].why == "No model is set for general requests."
    assert steps[6].why == "This subforum asks for pinned, which has no model yet."
    assert steps[7].won


@pytest.mark.requirement("M-08")
def test_who_names_a_profile_follows_its_model(chain, make_config):
    inputs = remove(LEVELS[:6], chain)
    assert resolve(inputs).choice.model == "model-pin"

    ModelProfile.objects.filter(key="pinned").update(config=make_config("next"))
    assert resolve(inputs).choice.model == "model-next"

    LLMConfig.objects.filter(name="next").update(model="renamed")
    assert resolve(inputs).choice.model == "renamed"


@pytest.mark.requirement("C-02")
def test_a_members_default_beats_the_personas(chain):
    inputs = remove(LEVELS[:2], chain)

    steps = resolve(inputs).config_steps

    assert (steps[-1].rule, steps[-1].why) == ("the member's default", "member")
    assert hierarchy_of(inputs).rule == "your default"


@pytest.mark.requirement("D-36", "O-60")
@pytest.mark.parametrize(
    ("table", "passed"),
    [
        ("personas_userpersonasettings", 1),
        ("llmconfig_aisettings", 2),
        ("llmconfig_providerpreference", 3),
        ("llmconfig_redirect", 7),
    ],
)
def test_what_cannot_be_read_is_not_taken_for_nothing(chain, table, passed):
    inputs = remove(LEVELS[:passed], chain)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} RENAME TO away")

    with pytest.raises(ProgrammingError, match=table):
        resolve(inputs)


@pytest.mark.requirement("D-17", "O-44", "O-57")
def test_a_change_holds_at_the_next_look(chain, alice, make_config):
    inputs = remove(LEVELS[:2], chain)
    assert resolve(inputs).choice.model == "model-member"

    AISettings.objects.update(default_config=None)
    assert resolve(inputs).choice.model == "model-preferred"

    AISettings.objects.update(default_config=make_config("newer"))
    assert resolve(inputs).choice.model == "model-newer"


@pytest.mark.parametrize(
    ("visibility", "owner", "wins"),
    [
        (Visibility.PRIVATE, "alice", True),
        (Visibility.PRIVATE, "carol", False),  # who no longer owns it
        (Visibility.PUBLIC, "alice", False),
    ],
)
@pytest.mark.parametrize("asking", ["alice", "bob"])
def test_an_owners_config_serves_their_private_persona_alone(
    request, alice, bob, maestro, make_config, visibility, owner, wins, asking
):
    make_config("site", is_default=True)
    config = make_config("own")
    for member in (alice, bob):
        PersonaOwner.objects.create(persona=maestro, user=member)
    Persona.objects.update(is_global_default=False)
    maestro.visibility, maestro.default_config = visibility, config
    maestro.save()
    # Afterwards, since the database takes no such config for a public persona.
    config.owner, config.is_global = request.getfixturevalue(owner), False
    config.save()
    maestro = Persona.objects.with_versions().get(pk=maestro.pk)  # with its owners

    choice, steps = resolve_config(
        Inputs(member=request.getfixturevalue(asking), persona=maestro), maestro
    )

    assert choice.model == ("model-own" if wins else "model-site")
    assert steps[4].won == wins
    assert wins or "belongs to one member" in steps[4].why


@pytest.mark.requirement("C-04")
@pytest.mark.parametrize(
    ("configs", "wins", "why"),
    [
        ([], None, "alone: the site has no config for it"),
        ([("tight", "here")], "tight", "with the site's one config for it: tight"),
        ([("tight", "elsewhere")], None, "alone: the site has no config for it"),
        ([("a", "here"), ("b", "here")], None, "alone: the site has several"),
    ],
)
def test_the_first_endpoints_model_takes_only_settings_made_for_it(
    alice, maestro, make_endpoint, configs, wins, why
):
    here = make_endpoint(name="Here", default_model="m", position=1)
    places = {"here": here, "elsewhere": make_endpoint(position=2)}
    for name, place in configs:
        LLMConfig.objects.create(
            name=name, model="m", endpoint=places[place], is_global=True, max_tokens=9
        )
    LLMConfig.objects.create(
        name="own", model="m", endpoint=here, owner=alice, max_tokens=1
    )

    choice, steps = resolve_config(Inputs(member=alice), maestro)

    assert (choice.endpoint, choice.model) == (here, "m")
    assert (choice.config.name if choice.config else None) == wins
    assert why in steps[-1].why


@pytest.mark.requirement("D-36", "O-60")
@pytest.mark.parametrize(
    ("index", "model"),
    [
        (1, UserPersonaSettings),
        (2, AISettings),
        (3, ProviderPreference),
        (5, ModelProfile),
        (7, LLMConfig),
    ],
    ids=["own model for the persona", "own default", "provider", "mode", "site"],
)
def test_a_preference_that_cannot_be_read_is_not_read_as_none(
    chain, maestro, index, model
):
    inputs = remove(LEVELS[:index], chain)
    maestro.refresh_from_db()
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{table}" RENAME TO mislaid')

    with pytest.raises(DatabaseError, match=table), transaction.atomic():
        resolve(inputs)

    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE mislaid RENAME TO "{table}"')
    assert resolve(inputs).choice.model == LEVELS[index].model
