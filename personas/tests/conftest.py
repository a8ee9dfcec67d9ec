"""What tests of personas are made of."""

import pytest
from django.test import Client

from personas.models import Persona
from personas.services import drafts, versions


@pytest.fixture
def as_alice(as_, alice) -> Client:
    return as_(alice)


@pytest.fixture
def as_bob(as_, bob) -> Client:
    return as_(bob)


@pytest.fixture
def as_staff(as_, staff) -> Client:
    return as_(staff)


@pytest.fixture
def historic(alice, make_persona) -> Persona:
    """Four versions, the last a revert, the second erased."""
    persona = make_persona("keeper", owner=alice, avatar="🗼", tags=["sea"])
    for role in ("secret", "the third"):
        draft = drafts.draft_of(persona=persona, editor=alice)
        drafts.save_draft(
            draft=draft,
            role=role,
            knowledge=["lamps"],
            sample_queries=[{"query": "Dark?", "answer": ""}],
        )
        versions.publish(draft=draft, note="Said better.")
        persona.refresh_from_db()
    versions.revert(version=persona.versions.get(number=1), actor=alice)
    versions.erase_version(version=persona.versions.get(number=2), actor=alice)
    persona.refresh_from_db()
    return persona
