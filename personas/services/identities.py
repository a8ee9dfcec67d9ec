"""How a member presents themselves to personas."""

from django.db import IntegrityError, transaction

from accounts.models import User
from personas.erasing import erase
from personas.errors import IdentityNameTaken, TooMany
from personas.models import Identity

MOST_IDENTITIES = 20
MOST_DESCRIPTION_CHARS = 1_000


@transaction.atomic
def create_identity(
    *, user: User, name: str, description: str, is_public: bool, is_default: bool
) -> Identity:
    """Add an identity of the member's.

    Raises IdentityNameTaken or TooMany, having written nothing.
    """
    _hold(user.pk)
    if Identity.objects.of(user).count() >= MOST_IDENTITIES:
        raise TooMany(
            f"There is room for {MOST_IDENTITIES} identities. Delete one first."
        )
    identity = Identity(user=user)
    return _save(identity, name, description, is_public, is_default)


@transaction.atomic
def edit_identity(
    *,
    identity: Identity,
    name: str,
    description: str,
    is_public: bool,
    is_default: bool,
) -> Identity:
    """Change an identity; the next prompt holds it so. Raises IdentityNameTaken."""
    _hold(identity.user_id)
    return _save(identity, name, description, is_public, is_default)


@transaction.atomic
def make_default_identity(*, identity: Identity) -> Identity:
    """Have it told wherever the member chose no other; the former one is none any more."""
    _hold(identity.user_id)
    _unset_others(identity)
    identity.is_default = True
    identity.save(update_fields=["is_default"])
    return identity


@transaction.atomic
def delete_identity(*, identity: Identity) -> None:
    """Delete it, and its text in the prompts that were sent."""
    erase("identity", identity.pk)
    identity.delete()


def _save(
    identity: Identity, name: str, description: str, is_public: bool, is_default: bool
) -> Identity:
    if is_default:
        _unset_others(identity)
    identity.name = name
    identity.description = description
    identity.is_public = is_public
    identity.is_default = is_default
    try:
        with transaction.atomic():
            identity.save()
    except IntegrityError:
        raise IdentityNameTaken from None
    return identity


def _hold(user_id: int) -> None:
    """One change of a member's identities at a time, so that one at most is default."""
    User.objects.select_for_update(no_key=True).get(pk=user_id)


def _unset_others(identity: Identity) -> None:
    others = Identity.objects.filter(user=identity.user_id, is_default=True)
    others.exclude(pk=identity.pk).update(is_default=False)
