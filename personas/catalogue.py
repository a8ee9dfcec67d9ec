"""The catalogue: which personas a viewer finds, narrowed, a page of them at a time.

Pages are found by key, so the last costs what the first does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Subquery
from django.http import QueryDict

from accounts.models import User
from core.paging import Page, page_of, words_of
from personas.appearance import KINDS
from personas.models import (
    Persona,
    PersonaAlias,
    PersonaDraft,
    PersonaQuerySet,
)

PAGE_SIZE = 30
# Free tags that are offered; the others are found by searching.
MOST_TAGS = 30

type Source = Literal["", "yours", "builtin", "members"]


@dataclass(frozen=True)
class Filters:
    """What the catalogue is narrowed to; empty means all."""

    text: str = ""
    tag: str = ""
    source: Source = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "Filters":
        """The filters of an address; what it could not mean is left out."""
        text, tag = words_of(query), words_of(query, "tag")
        source = query.get("source", "")
        known = source in get_args(Source.__value__)
        return cls(text, tag, cast(Source, source) if known else "")

    @property
    def is_set(self) -> bool:
        return self != Filters()

    def query(self, **changed: str) -> str:
        """The query string of these filters, with some of them `changed`."""
        values = {"q": self.text, "tag": self.tag, "source": self.source} | changed
        return urlencode({name: value for name, value in values.items() if value})


def catalogue_page(
    *, viewer: User | None, filters: Filters, query: QueryDict
) -> Page[Persona]:
    """The page that `query` asks for, one's own first; one query for what its rows show.

    Raises Http404 for a cursor that we cannot have made.
    """
    listed = Persona.objects.listed_for(viewer)
    personas = _narrowed(listed, viewer, filters).with_place(viewer)
    return page_of(_with_rows(personas, viewer), query, by="place", size=PAGE_SIZE)


def free_tags(viewer: User | None) -> list[str]:
    """The tags beside KINDS that the viewer's catalogue has most of."""
    listed = Persona.objects.listed_for(viewer)
    tags = listed.most_used_tags(MOST_TAGS + len(KINDS))
    return [tag for tag in tags if tag not in KINDS][:MOST_TAGS]


def _narrowed(
    personas: PersonaQuerySet, viewer: User | None, filters: Filters
) -> PersonaQuerySet:
    if filters.source == "yours":
        personas = personas.of(viewer)
    elif filters.source:
        personas = personas.builtin(filters.source == "builtin")
    if filters.tag:
        personas = personas.tagged(filters.tag)
    if filters.text:
        aliases = PersonaAlias.objects.known_to(viewer)
        personas = personas.matching(
            filters.text, called_so=aliases.personas_like(filters.text)
        )
    return personas


def _with_rows(personas: PersonaQuerySet, viewer: User | None) -> PersonaQuerySet:
    """Personas with their handle, role, maker, and whether the viewer muted them.

    `draft_role` and `draft_avatar` are of the viewer's own draft.
    """
    drafts = PersonaDraft.objects.filter(editor=viewer, persona=OuterRef("pk"))
    muted = Persona.objects.muted_by(viewer).filter(pk=OuterRef("pk"))
    rows: PersonaQuerySet = (
        personas.select_related("handle", "current_version", "created_by__handle")
        .only(
            "name",
            "slug",
            "avatar",
            "avatar_image",
            "tags",
            "visibility",
            "is_builtin",
            "is_active",
            "handle__name",
            "created_by__handle__name",
            "current_version__role",
        )
        .annotate(
            is_muted=Exists(muted),
            draft_role=Subquery(drafts.values("role")[:1]),
            draft_avatar=Subquery(drafts.values("avatar")[:1]),
        )
    )
    return rows
