"""What is in the database, for tests that say what may change."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db import connection


@dataclass(frozen=True)
class Change:
    """How one table differs: rows that came, rows that went; an update is one of each."""

    added: int
    removed: int


type Snapshot = dict[str, Counter[str]]


def snapshot(*, without: tuple[str, ...] = ()) -> Snapshot:
    """Every row of every table as text, but for the tables in `without`."""
    with connection.cursor() as cursor:
        found = {}
        for table in connection.introspection.table_names(cursor):
            if table not in without:
                cursor.execute(f'SELECT md5(t::text) FROM "{table}" AS t')
                found[table] = Counter(row for (row,) in cursor.fetchall())
    return found


def changes(before: Snapshot, after: Snapshot) -> dict[str, Change]:
    """The tables that differ, and by how many rows."""
    found = {}
    for table in before:
        added = (after[table] - before[table]).total()
        removed = (before[table] - after[table]).total()
        if added or removed:
            found[table] = Change(added, removed)
    return found


type Rows = dict[int, dict[str, Any]]


def rows_of(table: str) -> Rows:
    """The rows of one table by id, each by column."""
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT id, to_jsonb(t)::text FROM "{table}" AS t')
        return {key: json.loads(row) for key, row in cursor.fetchall()}


def changed_columns(before: Rows, after: Rows) -> set[str]:
    """The columns that differ in some row; both must hold the same rows."""
    assert set(before) == set(after)
    return {
        name
        for key in before
        for name in before[key]
        if before[key][name] != after[key][name]
    }


def all_text() -> str:
    """Every row of every table, one a line; sessions are left out, they hold their key."""
    lines = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table != "django_session":
                cursor.execute(f'SELECT t::text FROM "{table}" AS t')
                lines += [row for (row,) in cursor.fetchall()]
    return "\n".join(lines)
