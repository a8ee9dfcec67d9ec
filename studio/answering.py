"""Who would answer a member in a place, and why: by the worker's own function."""

from dataclasses import dataclass, replace

from django.http import QueryDict

from accounts.models import User
from core.paging import Page, page_of
from forum import offers
from forum.models import Subforum
from llmqueue.pages.outlook import Answerer, who_would_answer
from personas.models import Persona

# Each with its ladders, which take most of the page.
PAGE_SIZE = 12


@dataclass(frozen=True)
class Offer:
    """What asking comes to: `persona` None is asking nobody in particular."""

    persona: Persona | None
    answerer: Answerer


def offers_in(
    subforum: Subforum, *, member: User | None, query: QueryDict
) -> tuple[list[Offer], Page[Persona]]:
    """What asking leads to this moment: nobody's first, then a page of the personas.

    That page is the one that `query` asks for, as of `core.paging.page_of`. A handful of
    queries, whatever the number of personas.
    """
    assignments = offers.assignments_of(subforum)
    anyone = offers.inputs_in(subforum, assignments, member=member)
    offered = offers.offered_personas(assignments, member)
    page = page_of(offered, query, by="name", size=PAGE_SIZE)
    every = [anyone, *(replace(anyone, persona=it) for it in page.rows)]
    pairs = zip([None, *page.rows], who_would_answer(every), strict=True)
    return [Offer(*pair) for pair in pairs], page
