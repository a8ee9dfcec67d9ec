"""Taking handles."""

from django.db import IntegrityError, transaction

from core.errors import HandleRefused
from core.handles import check_handle, skeleton
from core.models import Handle


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
