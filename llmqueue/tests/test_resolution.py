import pytest

from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.resolution.config_ladder import resolve_config
from llmqueue.resolution.persona_ladder import resolve_persona
from llmqueue.resolution.receipts import Passed, climb
from llmqueue.resolution.resolving import resolve
from personas.models import Persona, PersonaOwner, Visibility


@pytest.fixture
def fallback(db) -> Persona:
    return Persona.objects.with_versions().get(is_fallback=True)


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
