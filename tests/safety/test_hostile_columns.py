"""Every text that the database holds is hostile, and every page shows it as text."""

from typing import Any

import pytest
from django.db import connection, models

from tests.safety.conftest import Stage
from tests.safety.test_mass_assignment import own_models
from tests.safety.test_secrets import pages_of

MARKUP = "<img src=x>'\"&{{7*7}}"
# What is kept as HTML that our own renderer made, or has a form of its own: a name in an
# address, a class, a secret, a receipt.
_OF_A_FORM = frozenset(
    {
        "api_base",
        "error_class",
        "file",
        "html",
        "idempotency_key",
        "key",
        "kind",
        "last_four",
        "password",
        "path",
        "period_key",
        "place_key",
        "place_kind",
        "secret",
        "site_key",
        "skeleton",
        "slug",
        "source_key",
        "source_kind",
        "subject",
        "timezone",
    }
)


def columns_of(model: type[models.Model]) -> list[Any]:
    return [
        field
        for field in model._meta.local_fields
        if type(field) in (models.CharField, models.TextField)
        and not field.choices
        and field.name not in _OF_A_FORM
    ]


def poison() -> int:
    """Put markup in front of every text, as far as there is room; how many columns."""
    count = 0
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no triggers
        for model in own_models():
            for field in columns_of(model):
                room = field.max_length or 10_000
                cursor.execute(
                    f'UPDATE "{model._meta.db_table}" SET "{field.column}" ='
                    f' left(%s || "{field.column}" || "{model._meta.pk.column}"::text, %s)'
                    f" WHERE \"{field.column}\" <> ''",
                    [MARKUP, room],
                )
                count += 1
    return count


@pytest.mark.fault("A-XSS-1")
def test_no_text_of_the_database_becomes_markup_in_a_page(stage: Stage):
    count = poison()

    # A persona's file is JSON, and never opened as a page.
    pages = {name: page for name, page in pages_of(stage) if "/export/" not in name}

    raw = [name for name, page in pages.items() if "<img src=x" in page]
    shown = [name for name, page in pages.items() if "&lt;img src=x" in page]
    evaluated = [name for name, page in pages.items() if "&amp;49" in page]
    assert count > 40
    assert len(shown) > 40
    assert raw == []
    assert evaluated == []
