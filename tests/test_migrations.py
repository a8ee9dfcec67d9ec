"""Changes of the schema go forth, back and forth again, and lose nothing of what was."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from core.errors import NameRefused
from llmconfig.models import ModelProfile
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


# As the first release of the queue left the tables: no keys, limits, usage or redirects.
FIRST = [("llmconfig", "0001_initial"), ("queue", "0001_initial")]


def schema() -> dict[str, set[str]]:
    """All that the database itself knows of our tables, each kind as its definitions."""
    asked = {
        "columns": "SELECT format('%s.%s %s %s %s', table_name, column_name, data_type,"
        " is_nullable, column_default) FROM information_schema.columns"
        " WHERE table_schema = 'public'",
        "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "constraints": "SELECT format('%s %s %s', conrelid::regclass, conname,"
        " pg_get_constraintdef(oid)) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace",
        "triggers": "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    }
    found = {}
    with connection.cursor() as cursor:
        for kind, query in asked.items():
            cursor.execute(query)
            found[kind] = {text for (text,) in cursor.fetchall()}
    return found


@pytest.mark.requirement("D-42")
def test_models_and_the_queue_go_back_to_their_first_release_and_forth_again():
    leaves = MigrationExecutor(connection).loader.graph.leaf_nodes()
    before = schema()

    try:
        migrate(FIRST)
        first = schema()
    finally:
        migrate(leaves)

    assert schema() == before
    added = {it.partition(" ")[0] for it in before["columns"] - first["columns"]}
    assert {"llmconfig_apikey.secret", "queue_spendlimit.scope"} <= added
    new = "\n".join(before["indexes"] - first["indexes"])
    assert "INDEX llmconfig_apikey_once_per_endpoint" in new


@pytest.mark.requirement("M-82", "M-06")
def test_the_profile_a_site_begins_with_points_to_the_default_it_has(fake_config):
    leaves = MigrationExecutor(connection).loader.graph.leaf_nodes()

    try:
        migrate([("llmconfig", "0004_key_hosts")])
        ModelProfile.objects.filter(key="compat").delete()
    finally:
        migrate(leaves)

    assert ModelProfile.objects.get(key="compat").config == fake_config
