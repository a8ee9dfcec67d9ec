"""`manage.py erase_version`: what goes with a version, and what is said to stay."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from accounts.models import AuditEvent
from personas.models import Persona, PersonaDraft, PersonaVersion
from personas.services import drafts, versions
from tests.races import start, wait_until_blocked

pytestmark = pytest.mark.django_db
CANARY = "Mill Lane 7"


@pytest.fixture
def baker(make_persona, alice) -> Persona:
    """Version 1 tells an address, version 2 too, version 3 nothing of it."""
    persona = make_persona(
        "baker", owner=alice, context=f"Lives in {CANARY}.", knowledge=[CANARY, "rye"]
    )
    for fields in (
        {"context": "In town."},
        {"knowledge": ["rye"], "role": "a baker"},
    ):
        persona.refresh_from_db()
        draft = drafts.draft_of(persona=persona, editor=alice)
        versions.publish(draft=drafts.save_draft(draft=draft, **fields))
    return persona


def erase(*arguments: str) -> str:
    out = StringIO()
    call_command("erase_version", *arguments, stdout=out)
    return out.getvalue()


def test_a_version_is_emptied_and_what_stays_is_said(baker):
    said = erase("@Baker", "1", "--yes")

    version = baker.versions.get(number=1)
    assert version.is_erased
    assert (version.context, version.knowledge) == ("", [])
    assert "stay: 2, 3." in said
    assert "answers now" not in said
    assert baker.versions.get(number=2).knowledge == [CANARY, "rye"]
    event = AuditEvent.objects.get(action="personaversion erased")
    assert event.actor is None
    assert "erased already" in erase("baker", "1", "--yes")


def test_drafts_lose_what_it_said_and_keep_the_rest(baker, alice):
    version = baker.versions.get(number=1)
    kept = version.definition | {"context": "Lives elsewhere."}
    PersonaDraft.objects.create(
        persona=baker, editor=alice, base=version, name="Baker", **kept
    )

    erase("baker", "1", "--yes")

    draft = PersonaDraft.objects.get()
    assert (draft.role, draft.knowledge) == ("", [])
    assert draft.context == "Lives elsewhere."


def test_the_current_one_can_go_and_that_is_said(baker):
    assert "answers now" in erase("baker", "3", "--yes")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody", "1", "--yes"], "no such persona"),
        (["baker", "9", "--yes"], "has no version 9"),
        (["baker", "1"], "Say --yes"),
    ],
)
def test_nothing_is_erased_without_a_clear_word(baker, arguments, said):
    with pytest.raises(CommandError, match=said):
        erase(*arguments)

    assert not PersonaVersion.objects.filter(role="").exists()


def test_a_deleted_persona_s_versions_can_be_erased(baker):
    Persona.objects.filter(pk=baker.pk).update(is_active=False, handle=None)

    erase("baker", "1", "--yes")

    assert baker.versions.get(number=1).is_erased


@pytest.mark.django_db(transaction=True)
def test_who_goes_back_to_it_first_is_waited_for(baker, alice):
    version = baker.versions.get(number=1)
    with transaction.atomic():
        Persona.objects.hold(baker.pk)
        erased = start(lambda: versions.erase_version(version=version, actor=None))
        wait_until_blocked(erased)
        assert not erased.done()

    erased.result(60)
    assert baker.versions.get(number=1).is_erased
