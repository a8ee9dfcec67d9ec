"""What is in the database, for tests that say what may change."""

from collections import Counter
from dataclasses import dataclass

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


def all_text() -> str:
    """Every row of every table, one a line; sessions are left out, they hold their key."""
    lines = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table != "django_session":
                cursor.execute(f'SELECT t::text FROM "{table}" AS t')
                lines += [row for (row,) in cursor.fetchall()]
    return "\n".join(lines)
