"""What a persona may be called."""

from collections.abc import Iterator

from django.db import connection

from accounts.models import User
from core.errors import HandleRefused
from core.handles import MAX_LENGTH, readings, skeleton
from core.models import Handle
from core.services import check_display_name, check_new_handle
from personas import appearance
from personas.errors import PersonaNameTaken
from personas.models import Persona

# Of one name; who has more of them gets another.
_MOST_NUMBER = 1_000


def check_new_name(*, persona: Persona, name: str) -> str:
    """`name` as the persona may be called from now on.

    One that is met under this name already keeps it. Raises NameNeeded or NameRefused.
    """
    name = appearance.check_name(name)
    if persona.handle and not (persona.current_version_id and name == persona.name):
        check_display_name(name=name, handle=persona.handle)
    return name


def hold_name(name: str) -> None:
    """Let no persona take `name`, or one like it, until the transaction ends.

    Of private personas the database refuses no name, and of public ones no look-alike:
    of two that ask at the same moment neither would see the other.
    """
    with connection.cursor() as cursor:
        # In one order, so that two with several readings in common do not wait in a ring.
        for reading in sorted(readings(name)):
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
                [f"name of a persona: {reading}"],
            )


def check_own_names(*, persona: Persona, name: str, member: User) -> None:
    """Raise PersonaNameTaken if another persona in `member`'s hands is called `name`.

    Of others' private ones, also those that they made once, nobody learns the names.
    """
    others = Persona.objects.owned_by(member).exclude(pk=persona.pk)
    if others.filter(name__iexact=name).exists():
        raise PersonaNameTaken


def propose_handle(*, name: str, creator: str) -> str:
    """The first of `propose_handles`; empty if there is none."""
    return next(propose_handles(name=name, creator=creator), "")


def propose_handles(*, name: str, creator: str) -> Iterator[str]:
    """Handles that are free: like the name, numbered, then with the creator's handle.

    None if the name makes none. Whatever reads as a persona's name is left out, with all
    its numbers.
    """
    short = appearance.propose_handle(name)
    if not short:
        return
    behind = f"-of-{creator}"
    yield from _numbered(short)
    if len(behind) < MAX_LENGTH:
        yield from _numbered(_joined(short, behind))


def _numbered(base: str) -> Iterator[str]:
    """`base`, `base-2`, `base-3` ...: those that may be had."""
    beginning = skeleton(base[: MAX_LENGTH - len(f"-{_MOST_NUMBER}")])
    alike = Handle.objects.filter(skeleton__startswith=beginning)
    taken = set(alike.values_list("skeleton", flat=True))
    for number in range(1, _MOST_NUMBER):
        option = base if number == 1 else _joined(base, f"-{number}")
        if skeleton(option) in taken:
            continue
        if _may_be_had(option):
            yield option
        elif number > 1:
            return


def _joined(begin: str, end: str) -> str:
    return begin[: MAX_LENGTH - len(end)].strip("-_") + end


def _may_be_had(name: str) -> bool:
    try:
        check_new_handle(name)
    except HandleRefused:
        return False
    return True
