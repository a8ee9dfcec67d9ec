from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from personas.models import Persona

pytestmark = pytest.mark.django_db


def run(**options) -> str:
    said = StringIO()
    call_command("example_personas", stdout=said, **options)
    return said.getvalue()


@pytest.mark.requirement("M-65")
def test_four_characters_are_added_once(alice, bob):
    assert "Ines the poet" in run(owner="@alice")
    assert "already" in run(owner="alice")

    made = Persona.objects.filter(created_by=alice)
    assert {persona.slug for persona in made} == {
        "poet",
        "opsdirector",
        "mountainguide",
        "architect",
    }
    assert set(Persona.objects.usable_by(bob)) >= set(made)


def test_without_an_owner_nothing_is_added(alice):
    for options in ({}, {"owner": "nobody-here"}):
        with pytest.raises(CommandError):
            run(**options)

    assert not Persona.objects.filter(created_by=alice).exists()
