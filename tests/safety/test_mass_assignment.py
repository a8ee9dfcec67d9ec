"""Every form with a value for every column that no form has: nothing comes of it.

Each address is posted to twice, once with what belongs there and once with all the rest
beside it; the database must be the same afterwards.
"""

import json
import re
from typing import Any

import pytest
from django import forms
from django.apps import apps
from django.conf import settings
from django.db import connection, models

from tests.safety.access import DATA, Cell, read_table
from tests.safety.conftest import Stage
from tests.safety.test_access import ROUTES, undone

# Who may do most of what members and staff do.
ACTORS = ("owner", "staff")
# Left out: somebody else's code, with a limit on tries that outlives a transaction, of
# which `test_nobody_signs_up_as_staff` looks at the part that makes somebody; and forms
# that have every part of a draft, which is its editor's own.
LEFT_OUT = ("account_", "personas:guide_step", "personas:persona_edit")
# Fields that forms make as they are shown; `test_posted_values.py` sends foreign ones.
_MADE_LATER = frozenset({"config", "persona", "visibility"})
# Forms that are not posted.
_SEARCHES = frozenset({"llmqueue.forms"})
MARK = "2000-01-01"
# Random in every run.
_RANDOM = frozenset(
    {"correlation_id", "lease_token", "password", "secret", "site_key", "tag"}
)
_TABLES_OF_RUN = frozenset({"auth_permission", "django_content_type", "django_session"})
_NEW = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.+]+"
)


def names_of_forms() -> set[str]:
    """The fields that some form of ours has: there, their values may do something."""

    def below(kind: Any) -> set[Any]:
        return {kind}.union(*(below(it) for it in kind.__subclasses__()))

    return {
        name
        for kind in below(forms.BaseForm)
        if is_own(kind) and kind.__module__ not in _SEARCHES
        for name in kind.base_fields
    }


def is_own(kind: type) -> bool:
    return (settings.BASE_DIR / kind.__module__.split(".")[0]).is_dir()


def own_models() -> list[type[models.Model]]:
    return [it for it in apps.get_models(include_auto_created=True) if is_own(it)]


def value_for(field: "models.Field[Any, Any]") -> str:
    """What would be worth writing there: yes, somebody's id, much, long ago."""
    if field.is_relation:
        rows = field.related_model._default_manager.order_by("-pk")  # type: ignore[union-attr]
        return str(rows.values_list("pk", flat=True).first() or 1)
    if isinstance(field, models.BooleanField):
        return "on"
    if isinstance(field, models.DateField):
        return MARK
    if field.choices:
        return str(list(field.flatchoices)[-1][0])
    if isinstance(field, models.JSONField):
        return '["smuggled"]'
    is_text = isinstance(field, models.CharField | models.TextField)
    return "smuggled" if is_text else "99"


def smuggled() -> dict[str, str]:
    """A value for every column of ours that no form knows, under both of its names."""
    found = {"is_superuser": "on", "is_staff": "on", "groups": "1", "pk": "1"}
    for model in own_models():
        for field in model._meta.get_fields():
            if isinstance(field, models.Field) and not field.primary_key:
                found |= dict.fromkeys({field.name, field.attname}, value_for(field))
    known = names_of_forms() | _MADE_LATER
    return {name: value for name, value in found.items() if name not in known}


class Database:
    """All rows as text, in which ids and times that are new have no value."""

    def __init__(self) -> None:
        self._known = ""
        self.rows = set(self.dump())
        self._known = "\n".join(self.rows)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT schemaname || '.' || sequencename, coalesce(last_value, 1),"
                " last_value IS NOT NULL FROM pg_sequences"
                " WHERE schemaname = current_schema()"
            )
            self._sequences = cursor.fetchall()

    def rewind(self) -> None:
        """Let the next rows have the ids that the last ones had."""
        with connection.cursor() as cursor:
            for name, value, is_called in self._sequences:
                cursor.execute("SELECT setval(%s, %s, %s)", [name, value, is_called])

    def dump(self) -> list[str]:
        with connection.cursor() as cursor:
            tables = connection.introspection.table_names(cursor)
            parts = [
                f"SELECT '{table}', to_jsonb(t) FROM \"{table}\" AS t"
                for table in tables
                if table not in _TABLES_OF_RUN
            ]
            cursor.execute(" UNION ALL ".join(parts))
            return [self._line(*row) for row in cursor.fetchall()]

    def _line(self, table: str, row: Any) -> str:
        columns = json.loads(row) if isinstance(row, str) else row
        kept = {name: it for name, it in columns.items() if name not in _RANDOM}
        return _NEW.sub(self._plain, f"{table} {json.dumps(kept, sort_keys=True)}")

    def _plain(self, found: re.Match[str]) -> str:
        said = found.group()
        is_kept = not self._known or said in self._known or said.startswith(MARK)
        return said if is_kept else "new"


def difference_by(
    more: dict[str, str], cell: Cell, stage: Stage, database: Database
) -> set[str]:
    """The rows that come, or change, only with `more` beside what belongs there."""
    client, values = stage.clients[cell.actor], stage.objects[cell.thing]
    address, data = ROUTES[cell.route].address(values), DATA.get(cell.route, {})
    dumps = []
    for sent in (data, more | data):
        database.rewind()
        with undone(client):
            client.post(address, sent)
            dumps.append(database.dump())
    return set(dumps[1]) - set(dumps[0]) - database.rows


def cells() -> list[Cell]:
    """Each address of the table with the first actor who may post something there."""
    found: dict[tuple[str, str], Cell] = {}
    for cell in read_table():
        may_post = cell.method == "POST" and cell.status in ("200", "302", "422")
        is_ours = not cell.route.startswith(LEFT_OUT)
        if may_post and is_ours and cell.actor in ACTORS:
            found.setdefault((cell.route, cell.thing), cell)
    return list(found.values())


@pytest.mark.fault("A-IDOR-6", "A-PRIV-1")
def test_columns_that_no_form_has_are_set_by_no_form(stage: Stage):
    more, database = smuggled(), Database()

    changed = [
        f"{cell.route} of {cell.thing} as {cell.actor}: {difference}"
        for cell in cells()
        if (difference := difference_by(more, cell, stage, database))
    ]

    assert {"owner", "owner_id", "status", "created_by", "is_global"} <= set(more)
    assert len(cells()) > 90
    assert "\n".join(changed) == ""
