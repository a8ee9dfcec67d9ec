"""Whose instructions a persona gets, and why not the ones above."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from llmqueue.handlers import Inputs
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.resolving import resolve
from personas.models import Persona, SystemPrompt, UserPersonaSettings

RUNGS = (
    "the member's own for this persona",
    "the persona's own",
    "the site's default",
    "the role alone",
)


@pytest.fixture
def chef(make_persona, alice) -> Persona:
    """Says more than its role, and lets members write their own."""
    persona = make_persona("chef", owner=alice, voice="Warm.", constraints=["No salt"])
    Persona.objects.filter(pk=persona.pk).update(own_prompt_allowed=True)
    return persona


@pytest.fixture
def plain(make_persona, alice) -> Persona:
    """Says nothing beyond its role."""
    return make_persona("plain", owner=alice)


@pytest.fixture
def own(bob, chef) -> UserPersonaSettings:
    return UserPersonaSettings.objects.create(
        user=bob, persona=chef, own_prompt="Rhyme."
    )


@pytest.fixture
def site(db) -> SystemPrompt:
    return SystemPrompt.objects.create(name="Plain", text="Be kind.", is_default=True)


@pytest.fixture
def receipt_for(fake_config):
    def resolved(member, persona):
        return resolve(Inputs(member=member, persona=persona))

    return resolved


def climbed(receipt) -> list[tuple[str, bool]]:
    return [(step.rule, step.won) for step in receipt.prompt_steps]


@pytest.mark.requirement("R-09", "R-15", "R-16")
def test_the_member_s_own_comes_first_and_readers_are_told(
    receipt_for, bob, chef, own, site
):
    receipt = receipt_for(bob, chef)

    assert climbed(receipt) == [(RUNGS[0], True)]
    assert "@bob's own instructions" in receipt.prompt_steps[0].why
    assert receipt.instructions.own == own
    assert receipt.notes == ("With @bob's own instructions for Chef.",)
    assert "Rhyme" not in str(receipt.as_json())


@pytest.mark.requirement("R-15", "R-16")
def test_another_member_gets_the_version(receipt_for, alice, chef, own, site):
    receipt = receipt_for(alice, chef)

    assert climbed(receipt) == [(RUNGS[0], False), (RUNGS[1], True)]
    assert receipt.prompt_steps[1].why == "Chef v1"
    assert receipt.notes == ()


@pytest.mark.requirement("R-09", "R-16")
def test_what_the_owner_forbids_is_passed_over_with_the_reason(
    receipt_for, bob, chef, own
):
    Persona.objects.filter(pk=chef.pk).update(own_prompt_allowed=False)

    receipt = receipt_for(bob, chef)

    assert climbed(receipt) == [(RUNGS[0], False), (RUNGS[1], True)]
    assert "owner does not allow" in receipt.prompt_steps[0].why
    assert receipt.notes == ()
    own.refresh_from_db()
    assert own.own_prompt == "Rhyme."


@pytest.mark.requirement("R-15", "R-16")
def test_the_site_s_fills_in_where_there_is_only_a_role(receipt_for, bob, plain, site):
    receipt = receipt_for(bob, plain)

    assert climbed(receipt) == [
        (RUNGS[0], False),
        (RUNGS[1], False),
        (RUNGS[2], True),
    ]
    assert "nothing beyond its role" in receipt.prompt_steps[1].why
    assert "Plain" in receipt.prompt_steps[2].why
    assert receipt.instructions.site == site


@pytest.mark.requirement("R-15")
def test_without_any_the_role_is_enough(receipt_for, bob, plain):
    SystemPrompt.objects.create(name="Other", text="Not the default.")

    receipt = receipt_for(bob, plain)

    assert climbed(receipt) == [
        *[(rung, False) for rung in RUNGS[:3]],
        (RUNGS[3], True),
    ]
    assert all(step.why for step in receipt.prompt_steps)


@pytest.mark.requirement("R-15")
@pytest.mark.parametrize(
    ("field", "value", "is_more"),
    [
        ("instructions", "Sing.", True),
        ("context", "A kitchen.", True),
        ("voice", "Warm.", True),
        ("knowledge", ["soup"], True),
        ("gaps", ["cake"], True),
        ("constraints", ["No salt"], True),
        ("sample_queries", [{"query": "Soup?", "answer": "Yes."}], True),
        ("sample_queries", [{"query": "Soup?", "answer": ""}], False),
    ],
)
def test_whatever_a_version_says_beyond_its_role_counts(
    receipt_for, make_persona, alice, site, field, value, is_more
):
    persona = make_persona("cook", owner=alice, **{field: value})

    receipt = receipt_for(alice, persona)

    assert (receipt.instructions.site is None) == is_more


def test_the_site_itself_has_no_own_instructions(receipt_for, chef, own):
    assert receipt_for(None, chef).prompt_steps[-1].rule == RUNGS[1]


def test_many_requests_cost_the_queries_of_one(
    fake_config, make_member, make_persona, alice, site
):
    personas = [make_persona(f"cook{n}x", owner=alice) for n in range(4)]
    Persona.objects.update(own_prompt_allowed=True)
    members = [make_member(f"member{n}x") for n in range(4)]
    for member, persona in zip(members, personas, strict=True):
        UserPersonaSettings.objects.create(
            user=member, persona=persona, own_prompt="Rhyme." if member.pk % 2 else ""
        )
    inputs = [
        Inputs(member=member, persona=persona)
        for member, persona in zip(members, personas, strict=True)
    ]
    costs = []
    for some in (inputs[:2], inputs):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            lookups = Lookups(some)
            notes = [resolve(it, lookups).notes for it in some]
        costs.append(len(queries))

    assert costs[0] == costs[1]
    assert len([it for it in notes if it]) == 2
