"""Who would answer a member in a place, and why: by the worker's own function."""

from dataclasses import dataclass, replace

from accounts.models import User
from forum.models import Subforum
from forum.services import asks
from llmqueue import services as queue
from llmqueue.outlook import Answerer
from personas.models import Persona


@dataclass(frozen=True)
class Offer:
    """What asking comes to: `persona` None is asking nobody in particular."""

    persona: Persona | None
    answerer: Answerer


def offers_in(subforum: Subforum, *, member: User | None) -> list[Offer]:
    """What each choice of the Ask form would lead to this moment; nobody's first.

    A handful of queries, whatever the number of personas.
    """
    anyone = asks.inputs_for(subforum=subforum, member=member)
    personas = list(asks.offered_personas(subforum, member))
    every = [anyone, *(replace(anyone, persona=it) for it in personas)]
    pairs = zip([None, *personas], queue.outlooks(every), strict=True)
    return [Offer(*pair) for pair in pairs]
