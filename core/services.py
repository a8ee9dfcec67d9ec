"""Taking handles, and telling whose a name is."""

from collections.abc import Callable

from django.db import IntegrityError, transaction

from core.errors import HandleRefused, NameRefused
from core.handles import check_handle, is_reserved, skeleton
from core.models import Handle

_name_owners: list[Callable[[str], bool]] = []


def claim_handle(*, name: str, allow_reserved: bool = False) -> Handle:
    """Take `name` for one member or persona, case-insensitively and for look-alikes.

    Raises HandleRefused when it is malformed, reserved, taken or too like a taken one.
    """
    check_handle(name, allow_reserved=allow_reserved)
    try:
        with transaction.atomic():
            return Handle.objects.create(name=name, skeleton=skeleton(name))
    except IntegrityError:
        raise HandleRefused(
            "This handle, or one that looks like it, is taken."
        ) from None


def register_name_owner(has_name: Callable[[str], bool]) -> None:
    """Let an app above keep the names it shows: `has_name` is asked with a skeleton."""
    _name_owners.append(has_name)


def check_display_name(*, name: str, handle: Handle) -> None:
    """Raise NameRefused if `name` reads as anybody but the holder of `handle`.

    Two members may have the same display name: the handle beside it tells them apart.
    """
    wanted = skeleton(name)
    if wanted == handle.skeleton:
        return
    if is_reserved(name):
        raise NameRefused("This name is kept for the site itself.")
    if Handle.objects.filter(skeleton=wanted).exists():
        raise NameRefused("This name looks like somebody else's handle.")
    if any(has_name(wanted) for has_name in _name_owners):
        raise NameRefused("This name looks like a persona's.")
