"""Rotation: every stored key encrypted anew by the first of the site's own keys.

Owner and host stay inside each. What is encrypted so already is passed over, so that a
run which was killed is gone on with by the next. Workers and pages that have the old and
the new key read each secret at any moment, before and after.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Model

from core import encryption
from core.errors import EncryptionOff, SecretUnreadable
from llmconfig.models import ApiKey, Endpoint

# Rows that one transaction holds, for some milliseconds.
BATCH = 100
_TABLES: tuple[tuple[str, type[Model], str], ...] = (
    ("keys of endpoints", Endpoint, "site_key"),
    ("members' keys", ApiKey, "secret"),
)


@dataclass
class Progress:
    """How far one table is; `unreadable`: the ids of rows that no key opens."""

    what: str
    total: int
    renewed: int = 0
    current: int = 0
    unreadable: tuple[int, ...] = ()

    @property
    def seen(self) -> int:
        return self.renewed + self.current + len(self.unreadable)


def rotate(*, is_dry: bool = False) -> Iterator[Progress]:
    """Encrypt all stored keys anew, table by table; yields the progress of each batch.

    `is_dry`: only count what would be. Each batch is committed by itself. What cannot be
    read is left as it is. Raises EncryptionOff if the site has no key of its own.
    """
    if not encryption.is_on():
        raise EncryptionOff
    for what, model, field in _TABLES:
        rows = model._default_manager.exclude(**{field: ""})
        progress = Progress(what, rows.count())
        yield progress
        last = 0
        while batch := _renew_batch(model, field, last, progress, is_dry=is_dry):
            last = batch
            yield progress


@transaction.atomic
def _renew_batch(
    model: type[Model], field: str, after: int, progress: Progress, *, is_dry: bool
) -> int:
    """Renew the rows behind the id `after`; the last id, or 0 when there are none."""
    rows: Any = model._default_manager.filter(pk__gt=after).exclude(**{field: ""})
    if not is_dry:
        # Against whoever saves another key this moment: the later one stays.
        rows = rows.select_for_update(no_key=True)
    last = 0
    for pk, token in rows.order_by("pk").values_list("pk", field)[:BATCH]:
        last = pk
        try:
            renewed = encryption.renew(token)
        except SecretUnreadable:
            progress.unreadable += (pk,)
            continue
        if renewed is None:
            progress.current += 1
            continue
        if not is_dry:
            model._default_manager.filter(pk=pk).update(**{field: renewed})
        progress.renewed += 1
    return last
