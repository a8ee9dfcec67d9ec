"""What the database holds about personas and their versions."""

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import AuditEvent
from core.services import claim_handle
from llmconfig.models import LLMConfig
from personas.models import Persona, PersonaVersion, Visibility
from personas.services import versions

pytestmark = pytest.mark.django_db


@pytest.fixture
def private_persona(alice) -> Persona:
    return Persona.objects.create(
        handle=claim_handle(name="muse"),
        slug="muse",
        name="Muse",
        visibility=Visibility.PRIVATE,
        created_by=alice,
    )


@pytest.fixture
def own_config(alice, fake_endpoint) -> LLMConfig:
    return LLMConfig.objects.create(
        name="Mine", model="fake-1", endpoint=fake_endpoint, owner=alice
    )


def is_refused(change) -> bool:
    """Whether the database refuses `change`, now or when the transaction would end."""
    try:
        with transaction.atomic():
            change()
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except IntegrityError:
        return True
    return False


def test_a_personas_current_version_is_its_own(maestro):
    writer = Persona.objects.get(slug="writer")
    rows = Persona.objects.filter(pk=maestro.pk)

    assert is_refused(lambda: rows.update(current_version=writer.current_version))


@pytest.mark.parametrize(
    "change",
    [
        {"role": "somebody else"},
        {"instructions": "Shout."},
        {"context": "At sea."},
        {"voice": "Loud."},
        {"note": "Not as delivered."},
        {"knowledge": ["a"]},
        {"constraints": ["a"]},
        {"sample_queries": ["a"]},
        {"tools": ["a"]},
        {"number": 7},
        {"created_at": "2000-01-01T00:00Z"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_version_is_never_edited(maestro, change):
    rows = PersonaVersion.objects.filter(persona=maestro)

    assert is_refused(lambda: rows.update(**change))


def test_a_version_stays_with_its_persona(maestro):
    writer = Persona.objects.get(slug="writer")
    version = PersonaVersion.objects.create(persona=maestro, number=2, role="Second")
    rows = PersonaVersion.objects.filter(pk=version.pk)

    assert is_refused(lambda: rows.update(persona=writer))


def test_a_version_can_be_erased(maestro, alice):
    version = PersonaVersion.objects.create(
        persona=maestro,
        number=2,
        role="a person with an address",
        context="The address.",
        knowledge=["The address"],
        created_by=alice,
    )

    versions.erase_version(version=version, actor=alice)

    version.refresh_from_db()
    assert (version.role, version.context, version.knowledge) == ("", "", [])
    assert (version.number, version.created_by) == (2, alice)
    event = AuditEvent.objects.get()
    assert (event.actor, event.action) == (alice, "personaversion erased")
    assert "address" not in str(event.detail)


def test_a_version_outlives_its_author(maestro, bob):
    version = PersonaVersion.objects.create(
        persona=maestro, number=2, role="Second", created_by=bob
    )

    bob.delete()

    version.refresh_from_db()
    assert (version.role, version.created_by) == ("Second", None)


def test_a_public_persona_has_only_the_sites_configs(maestro, own_config, fake_config):
    rows = Persona.objects.filter(pk=maestro.pk)

    assert is_refused(lambda: rows.update(default_config=own_config))
    assert not is_refused(lambda: rows.update(default_config=fake_config))


def test_a_private_persona_may_have_a_members_config(private_persona, own_config):
    rows = Persona.objects.filter(pk=private_persona.pk)

    assert not is_refused(lambda: rows.update(default_config=own_config))
    assert is_refused(lambda: rows.update(visibility=Visibility.PUBLIC))


def test_a_maker_can_leave_with_their_config(private_persona, own_config, alice):
    Persona.objects.filter(pk=private_persona.pk).update(default_config=own_config)

    alice.delete()

    private_persona.refresh_from_db()
    assert private_persona.default_config is None
