"""Taking handles, and telling whose a name is."""

from collections.abc import Callable, Collection

from django.db import IntegrityError, transaction

from core.errors import HandleRefused, HandleTaken, NameRefused
from core.handles import check_handle, is_reserved, readings, skeleton
from core.models import Handle
from core.scripts import is_readable

_name_owners: list[Callable[[Collection[str]], bool]] = []


def claim_handle(*, name: str, allow_reserved: bool = False) -> Handle:
    """Take `name` for one member or persona, case-insensitively and for look-alikes.

    `allow_reserved` is for the site itself and for personas, who have their own names.
    Raises HandleRefused when it is malformed, reserved, taken or too like a taken one.
    """
    if allow_reserved:
        check_handle(name, allow_reserved=True)
    else:
        check_new_handle(name)
    try:
        with transaction.atomic():
            return Handle.objects.create(name=name, skeleton=skeleton(name))
    except IntegrityError:
        raise HandleTaken from None


def check_new_handle(name: str) -> None:
    """Raise HandleRefused if a member may not have `name`, whoever has it now."""
    check_handle(name)
    if _is_anothers(name):
        raise HandleRefused("This handle looks like a persona's name.")


def _is_anothers(name: str) -> bool:
    wanted = readings(name)
    return any(has_name(wanted) for has_name in _name_owners)


def register_name_owner(has_name: Callable[[Collection[str]], bool]) -> None:
    """Let an app above keep the names it shows: `has_name` is asked with skeletons."""
    _name_owners.append(has_name)


def check_display_name(*, name: str, handle: Handle) -> None:
    """Raise NameRefused if `name` reads as anybody but the holder of `handle`.

    Two members may have the same display name: the handle beside it tells them apart.
    """
    if not is_readable(name):
        raise NameRefused("Please write each word of a name in letters of one script.")
    wanted = skeleton(name)
    if wanted == handle.skeleton:
        return
    if is_reserved(name):
        raise NameRefused("This name is kept for the site itself.")
    if Handle.objects.filter(skeleton=wanted).exists():
        raise NameRefused("This name looks like somebody else's handle.")
    if _is_anothers(name):
        raise NameRefused("This name looks like a persona's.")
