"""Which persona answers: asked for > the place's default > the site's > the built-in."""

from dataclasses import dataclass

from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.receipts import Passed, Rung, Step, climb
from personas.models import Persona


@dataclass(frozen=True)
class _Context:
    """`usable`: by id, the candidates that the member may ask at all."""

    inputs: Inputs
    usable: dict[int, Persona]


def resolve_persona(
    inputs: Inputs, lookups: Lookups | None = None
) -> tuple[Persona, tuple[Step, ...]]:
    """The persona, and the steps to it. Raises Refused when none is left."""
    if inputs.on_trial is not None:
        version = inputs.on_trial.version
        return version.persona, (Step("on trial", True, str(version)),)
    lookups = lookups or Lookups([inputs])
    context = _Context(inputs, lookups.personas_for(inputs.member))
    persona, steps = climb(_LADDER, context)
    if persona is None:
        raise Refused("no_persona", is_failure=True)
    return persona, steps


def _asked_for(context: _Context) -> Persona | Passed:
    inputs = context.inputs
    if inputs.lost_persona:
        return Passed("The persona that was asked for is no longer there.")
    if inputs.persona is None:
        return Passed("Nobody in particular was asked.")
    persona = context.usable.get(inputs.persona.pk)
    if persona is None:
        return Passed(f"{inputs.persona.open_name} may not be used by this member.")
    if not persona.is_offered_in(inputs.assigned):
        return Passed(f"{persona.open_name} is not assigned here.")
    return persona


def _place_default(context: _Context) -> Persona | Passed:
    default = context.inputs.place_default
    if default is None:
        return Passed("This subforum has no default persona.")
    usable = context.usable.get(default.pk)
    return usable or Passed(f"{default.open_name} may not be used here now.")


def _site_default(context: _Context) -> Persona | Passed:
    found = [p for p in context.usable.values() if p.is_global_default]
    return found[0] if found else Passed("The site has no default persona.")


def _fallback(context: _Context) -> Persona | Passed:
    found = [p for p in context.usable.values() if p.is_fallback]
    return found[0] if found else Passed("The built-in persona is missing.")


_LADDER: tuple[Rung[_Context, Persona], ...] = (
    ("asked for", _asked_for),
    ("the subforum's default", _place_default),
    ("the site's default", _site_default),
    ("the built-in persona", _fallback),
)
