"""What a persona may be called."""

from accounts.models import User
from core.errors import HandleRefused
from core.handles import MAX_LENGTH, skeleton
from core.models import Handle
from core.services import check_display_name, check_new_handle
from personas import appearance
from personas.errors import PersonaNameTaken
from personas.models import Persona


def check_new_name(*, persona: Persona, name: str) -> str:
    """`name` as the persona may be called from now on.

    One that is met under this name already keeps it. Raises NameNeeded or NameRefused.
    """
    name = appearance.check_name(name)
    if persona.handle and not (persona.current_version_id and name == persona.name):
        check_display_name(name=name, handle=persona.handle)
    return name


def check_own_names(*, persona: Persona, name: str, member: User) -> None:
    """Raise PersonaNameTaken if another persona in `member`'s hands is called `name`.

    Of others' private ones, also those that they made once, nobody learns the names.
    """
    others = Persona.objects.owned_by(member).exclude(pk=persona.pk)
    if others.filter(name__iexact=name).exists():
        raise PersonaNameTaken


def propose_handle(*, name: str, creator: str) -> str:
    """A free handle like the name, else with the creator's handle; empty if none fits."""
    short = appearance.propose_handle(name)
    room = MAX_LENGTH - len(f"-of-{creator}")
    options = [short, f"{short[: max(room, 0)].strip('-')}-of-{creator}"]
    return next((it for it in options if short and _is_free(it)), "")


def _is_free(name: str) -> bool:
    try:
        check_new_handle(name)
    except HandleRefused:
        return False
    return not Handle.objects.filter(skeleton=skeleton(name)).exists()
