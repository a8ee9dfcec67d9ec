"""Changes of the schema go forth, back and forth again, and lose nothing of what was."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from core.errors import NameRefused
from personas.models import Persona, PersonaVersion
from personas.services import drafts

pytestmark = pytest.mark.django_db(transaction=True)

# As the first release of personas left the tables: no drafts, groups, aliases, cards.
BEFORE = [("personas", "0004_default_config_for_all_users")]


def migrate(targets: list[tuple[str, str]]) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(targets)


def kept() -> list[tuple[object, ...]]:
    personas = Persona.objects.values_list("slug", "name", "visibility", "is_builtin")
    versions = PersonaVersion.objects.values_list("persona__slug", "number", "role")
    return [*personas.order_by("slug"), *versions.order_by("persona__slug", "number")]


@pytest.mark.requirement("F-53", "M-59", "Q-19")
def test_the_tables_of_personas_go_back_and_forth_with_their_rows(alice, make_persona):
    make_persona("chef", owner=alice)
    leaves = MigrationExecutor(connection).loader.graph.leaf_nodes()
    before = kept()

    try:
        migrate(BEFORE)
    finally:
        migrate(leaves)
    migrate(leaves)

    assert kept() == before
    assert len(before) > 18


@pytest.mark.requirement("M-47", "M-59")
def test_names_that_were_there_before_keep_look_alikes_away(alice, bob, make_persona):
    make_persona("hoot", name="Night owl", owner=alice)
    leaves = MigrationExecutor(connection).loader.graph.leaf_nodes()

    try:
        migrate([("personas", "0009_own_names_by_owner")])
    finally:
        migrate(leaves)

    with pytest.raises(NameRefused):
        drafts.begin_persona(creator=bob, name="N1ght 0wl", handle="something")
