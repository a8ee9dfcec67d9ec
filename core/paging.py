"""Lists narrowed by words, and paged by key: the last page costs what the first does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from django.db.models import F, Model, QuerySet
from django.db.models.fields.tuple_lookups import TupleGreaterThan
from django.http import Http404, HttpRequest, QueryDict

from core import markup

MOST_WORDS_CHARS = 60
_CURSOR = re.compile(r"([0-9]{1,18})\.([^\x00]{0,200})", re.ASCII)


@dataclass(frozen=True)
class Page[M: Model]:
    """Rows of one page; `later` is the query string of the next, or empty."""

    rows: list[M]
    later: str
    is_first: bool


def page_of[M: Model](
    rows: QuerySet[M], query: QueryDict, *, by: str, size: int
) -> Page[M]:
    """The page of `rows` that `query` asks for: `after` a cursor, else the first.

    In the order of the text field `by` (`__` leads through relations) and the key. What
    else stands in `query` is kept. Raises Http404 for a cursor that we cannot have made.
    """
    cursor = query.get("after", "")
    if cursor:
        match = _CURSOR.fullmatch(cursor)
        if match is None:
            raise Http404
        after = (match[2], int(match[1]))
        rows = rows.filter(TupleGreaterThan((F(by), F("pk")), after))
    found, last = first_of(rows.order_by(by, "pk"), size)
    later = ""
    if last is not None:
        text = reduce(getattr, by.split("__"), last)
        following = query.copy()
        following["after"] = f"{last.pk}.{text}"
        later = f"?{following.urlencode()}"
    return Page(rows=found, later=later, is_first=not cursor)


def first_of[R](rows: QuerySet[Any, R], size: int) -> tuple[list[R], R | None]:
    """The first rows of `rows`, and the last of these if more come after it.

    The next page goes on after that one, whose key `key_before` reads.
    """
    found = list(rows[: size + 1])
    return found[:size], found[size - 1] if len(found) > size else None


def words_of(query: Mapping[str, str], name: str = "q") -> str:
    """What `query` asks a list for; empty: nothing that could be found."""
    return markup.one_line(query.get(name, ""))[:MOST_WORDS_CHARS].strip()


def number_of(query: Mapping[str, str], name: str) -> int | None:
    """A key or number that `query` holds, None without it; raises Http404 for others."""
    text = query.get(name, "")
    if not re.fullmatch("[0-9]{0,18}", text):
        raise Http404
    return int(text) if text else None


def key_before(request: HttpRequest) -> int | None:
    """After which row the page begins, from `?before=`; None: with the newest.

    Raises Http404 for what we cannot have made.
    """
    return number_of(request.GET, "before")
