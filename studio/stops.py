"""What is stopped, with the names of what lies above the queue."""

from dataclasses import dataclass

from forum.models import Subforum
from llmconfig.models import Endpoint
from llmqueue.models import Stop, StopScope
from personas.models import Persona


@dataclass(frozen=True)
class NamedStop:
    """A stop and what it is called in words, for staff."""

    stop: Stop
    what: str


def named_stops() -> list[NamedStop]:
    """All that is stopped now, the oldest first; at most four queries."""
    stops = Stop.objects.active().select_related("set_by__handle").order_by("pk")
    keys: dict[str, list[str]] = {}
    for stop in stops:
        keys.setdefault(stop.scope, []).append(stop.subject_key)
    names = {("site", ""): "The whole site"}
    if found := keys.get(StopScope.ENDPOINT):
        rows = Endpoint.objects.filter(pk__in=found)
        names |= {("endpoint", str(it.pk)): f"Endpoint {it.name}" for it in rows}
    if found := keys.get(StopScope.PERSONA):
        personas = Persona.objects.filter(pk__in=found)
        names |= {("persona", str(it.pk)): f"Persona {it.name}" for it in personas}
    if found := keys.get(StopScope.PLACE):
        places = Subforum.objects.filter(pk__in=found)
        names |= {("place", str(it.pk)): f"Subforum {it.name}" for it in places}
    gone = "Something that is no longer there"
    return [
        NamedStop(stop, names.get((stop.scope, stop.subject_key), gone))
        for stop in stops
    ]
