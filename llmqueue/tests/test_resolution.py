import pytest
from django.db import DatabaseError, connection, transaction

from llmconfig.models import (
    AISettings,
    Endpoint,
    LLMConfig,
    ModelProfile,
    ProviderPreference,
)
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.resolution.config_ladder import resolve_config
from llmqueue.resolution.persona_ladder import resolve_persona
from llmqueue.resolution.receipts import Passed, climb
from llmqueue.resolution.resolving import resolve
from personas.models import Persona, PersonaOwner, UserPersonaSettings, Visibility

LEVELS = (
    "chosen for this request",
    "the member's model for this persona",
    "the member's default",
    "the member's model at this provider",
    "the persona's default",
    "the default for this kind of request",
    "the subforum's model",
    "the site's default",
    "the first endpoint that is on",
)


@pytest.fixture
def maestro(db) -> Persona:
    return Persona.objects.with_versions().get(slug="maestro")


@pytest.fixture
def fallback(db) -> Persona:
    return Persona.objects.with_versions().get(is_fallback=True)


@pytest.fixture
def chain(alice, maestro, make_config, make_endpoint):
    """Every level of the chain set to a config of its own: (inputs, expected models)."""
    first = make_endpoint(name="First", default_model="model-first", position=1)
    configs = {
        name: make_config(name, endpoint=make_endpoint(position=5))
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
    ModelProfile.objects.create(key="general", config=configs["mode"])
    pin = ModelProfile.objects.create(key="pinned", config=configs["pin"])
    LLMConfig.objects.filter(pk=configs["site"].pk).update(is_default=True)
    maestro.refresh_from_db()
    inputs = Inputs(
        member=alice,
        persona=maestro,
        config=configs["chosen"],
        endpoint=preferred,
        place_profile=pin,
    )
    models = [
        "model-chosen",
        "model-override",
        "model-member",
        "model-preferred",
        "model-persona",
        "model-mode",
        "model-pin",
        "model-site",
        first.default_model,
    ]
    return inputs, models


def without(level: int, inputs: Inputs) -> Inputs:
    """The inputs after the first `level` levels were removed."""
    from dataclasses import replace

    gone = [
        lambda i: replace(i, config=None),
        lambda i: UserPersonaSettings.objects.all().delete() and i,
        lambda i: AISettings.objects.all().delete() and i,
        lambda i: replace(i, endpoint=None),
        lambda i: Persona.objects.update(default_config=None) and i,
        lambda i: ModelProfile.objects.filter(key="general").delete() and i,
        lambda i: replace(i, place_profile=None),
        lambda i: LLMConfig.objects.update(is_default=False) and i,
    ]
    for remove in gone[:level]:
        inputs = remove(inputs)
    return inputs


@pytest.mark.requirement("C-01", "Q-42", "Q-45", "Q-57", "M-01", "M-07", "D-31")
@pytest.mark.parametrize("level", range(9))
def test_config_chain_falls_to_the_next_level(chain, maestro, level):
    inputs, models = chain
    inputs = without(level, inputs)
    maestro.refresh_from_db()

    choice, steps = resolve_config(inputs, maestro)

    assert choice.model == models[level]
    assert [step.rule for step in steps] == list(LEVELS[: level + 1])
    assert [step.won for step in steps] == [False] * level + [True]
    assert all(step.why for step in steps)


@pytest.mark.requirement("Q-43", "C-04")
def test_resolve_says_so_when_no_model_is_left(chain, maestro):
    inputs = without(8, chain[0])
    Endpoint.objects.update(default_model="")
    maestro.refresh_from_db()

    with pytest.raises(Refused) as refusal:
        resolve(inputs)

    assert refusal.value.error_class == "no_model"
    assert refusal.value.is_failure
    assert "Settings" in refusal.value.message


@pytest.mark.parametrize("level", [0, 1, 2, 4, 5, 6, 7])
def test_config_chain_passes_over_an_endpoint_that_is_off(chain, maestro, level):
    inputs = without(level, chain[0])
    maestro.refresh_from_db()
    choice, _ = resolve_config(inputs, maestro)
    Endpoint.objects.filter(pk=choice.endpoint.pk).update(is_enabled=False)
    maestro.refresh_from_db()
    if inputs.config:
        inputs.config.refresh_from_db()

    _, steps = resolve_config(inputs, maestro)

    assert not steps[level].won
    assert "switched off" in steps[level].why


@pytest.mark.requirement("D-33")
def test_a_config_of_somebody_else_is_passed_over(alice, bob, maestro, make_config):
    make_config("site", is_default=True)
    foreign = make_config("foreign", owner=bob)

    choice, steps = resolve_config(Inputs(member=alice, config=foreign), maestro)

    assert choice.model == "model-site"
    assert "belongs to somebody else" in steps[0].why


@pytest.mark.requirement("C-23", "D-43")
def test_resolve_works_without_a_member(make_config, fallback):
    make_config("site", is_default=True)

    receipt = resolve(Inputs(member=None))

    assert receipt.persona == fallback
    assert receipt.choice.model == "model-site"


@pytest.mark.requirement("O-56", "D-14")
def test_endpoint_and_model_come_from_one_row(chain, maestro):
    inputs = without(3, chain[0])

    choice, _ = resolve_config(inputs, maestro)

    assert (choice.endpoint.name, choice.model) == ("Preferred", "model-preferred")


def test_key_is_missing_when_the_provider_needs_one(alice, make_config, make_endpoint):
    endpoint = make_endpoint(provider="openai")
    make_config("site", endpoint=endpoint, is_default=True)

    with pytest.raises(Refused) as refusal:
        resolve(Inputs(member=alice))

    assert refusal.value.error_class == "no_key"


def test_parameters_send_zero_and_leave_null_out(alice, make_config):
    make_config("site", is_default=True, temperature=0, max_tokens=None, top_p=0.5)

    receipt = resolve(Inputs(member=alice))

    assert receipt.parameters == {"temperature": 0, "top_p": 0.5}


@pytest.mark.requirement("F-24", "C-06", "F-43", "C-27")
@pytest.mark.parametrize(
    ("case", "rule"),
    [
        ("assigned", "asked for"),
        ("nothing assigned", "asked for"),
        ("not assigned", "the subforum's default"),
        ("not assigned but the site's default", "asked for"),
        ("not assigned but the fallback", "asked for"),
        ("private of another", "the subforum's default"),
        ("private, own", "asked for"),
        ("inactive", "the subforum's default"),
        ("nobody asked", "the subforum's default"),
    ],
)
def test_persona_asked_for_is_checked(alice, bob, maestro, fallback, case, rule):
    writer = Persona.objects.get(slug="writer")
    assigned = {writer.pk}
    asked = maestro
    if case == "assigned":
        assigned.add(maestro.pk)
    elif case == "nothing assigned":
        assigned = set()
    elif case == "not assigned but the site's default":
        Persona.objects.filter(pk=maestro.pk).update(is_global_default=True)
    elif case == "not assigned but the fallback":
        asked = fallback
    elif case.startswith("private"):
        assigned.add(maestro.pk)
        Persona.objects.filter(pk=maestro.pk).update(visibility=Visibility.PRIVATE)
        owner = alice if case == "private, own" else bob
        PersonaOwner.objects.create(persona=maestro, user=owner)
    elif case == "inactive":
        assigned.add(maestro.pk)
        Persona.objects.filter(pk=maestro.pk).update(is_active=False, handle=None)
    elif case == "nobody asked":
        asked = None

    persona, steps = resolve_persona(
        Inputs(
            member=alice,
            persona=asked,
            assigned=frozenset(assigned),
            place_default=writer,
        )
    )

    assert steps[-1].rule == rule
    assert persona == (asked if rule == "asked for" else writer)


@pytest.mark.requirement("C-05", "F-40", "F-47", "F-51")
def test_persona_falls_to_the_sites_default_then_to_the_fallback(
    alice, maestro, fallback
):
    assert resolve_persona(Inputs(member=alice))[0] == fallback

    Persona.objects.filter(pk=maestro.pk).update(is_global_default=True)

    assert resolve_persona(Inputs(member=alice))[0] == maestro


@pytest.mark.requirement("C-06")
def test_receipt_announces_that_another_persona_answers(
    alice, maestro, make_config, fallback
):
    make_config("site", is_default=True)
    assigned = frozenset([Persona.objects.get(slug="writer").pk])

    receipt = resolve(Inputs(member=alice, persona=maestro, assigned=assigned))

    assert receipt.persona == fallback
    assert receipt.notes == ("Maestro could not answer here; Companion did.",)
    assert receipt.as_json()["steps"]["persona"][0]["why"]


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


def test_a_rung_is_passed_over_when_it_says_so_and_not_for_being_text():
    ladder = (
        ("nobody", lambda context: Passed("Nobody is here.")),
        ("a name", lambda context: f"{context}!"),
    )

    found, steps = climb(ladder, "Maestro")

    assert found == "Maestro!"
    assert [(step.rule, step.won, step.why) for step in steps] == [
        ("nobody", False, "Nobody is here."),
        ("a name", True, "Maestro!"),
    ]


@pytest.mark.requirement("D-36", "O-60")
@pytest.mark.parametrize(
    ("level", "model"),
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
    chain, maestro, level, model
):
    inputs = without(level, chain[0])
    maestro.refresh_from_db()
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{table}" RENAME TO mislaid')

    with pytest.raises(DatabaseError, match=table), transaction.atomic():
        resolve(inputs)

    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE mislaid RENAME TO "{table}"')
    assert resolve(inputs).choice.model == chain[1][level]
