"""Keys as they are stored: encrypted, bound to their owner and to one host."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from accounts.models import User
from core.encryption import can_be_secret, can_read, decrypt, encrypt, is_on
from core.errors import SecretUnreadable
from llmconfig.addresses import host_and_port
from llmconfig.errors import KeyGone
from llmconfig.models import ApiKey, Endpoint, KeyState

_SITE = "site"


def encrypt_site_key(key: str, *, address: str) -> str:
    """The site's key as it is stored, for the host of `address`; blank stays blank.

    Raises EncryptionOff if the site has no key of its own to encrypt it with.
    """
    return encrypt(key, owner=_SITE, host=host_and_port(address)) if key else ""


def encrypt_own_key(key: str, *, owner: User, address: str) -> str:
    """A member's key as it is stored; raises as `encrypt_site_key` does."""
    return encrypt(key, owner=_member(owner), host=host_and_port(address))


def call_secrets(*, endpoint: Endpoint, owner: User | None = None) -> str:
    """The key to call `endpoint` with, decrypted; empty when it has none.

    `owner`: the member whose own key it is; it is read anew, so that one which was
    removed is not used any more. Raises KeyGone if they have none now, SecretUnreadable
    if the key cannot be decrypted or was given for another host.
    """
    if owner is not None:
        return _own_secret(endpoint, owner)
    if not endpoint.site_key:
        return ""
    host = host_and_port(endpoint.address)
    try:
        return decrypt(endpoint.site_key, owner=_SITE, host=host)
    except SecretUnreadable:
        raise SecretUnreadable(
            f"The key stored for {endpoint.name} cannot be read here. A site owner can"
            " enter it again in Settings, under Endpoints."
        ) from None


def _own_secret(endpoint: Endpoint, owner: User) -> str:
    key = ApiKey.objects.at(endpoint, owner=owner).first()
    if key is None:
        raise KeyGone
    if problem := problem_of(key=key, endpoint=endpoint):
        raise SecretUnreadable(problem)
    host = host_and_port(endpoint.address)
    try:
        return decrypt(key.secret, owner=_member(owner), host=host)
    except SecretUnreadable:
        raise SecretUnreadable(
            f"The member's own key for {endpoint.name} cannot be read any more. They can"
            " enter it again in Settings, under Keys."
        ) from None


def problem_of(*, key: ApiKey, endpoint: Endpoint) -> str:
    """Why a member's key cannot be sent to `endpoint` as it is now; blank: it can."""
    if not is_on():
        return (
            "Members' own keys are off on this site at the moment, so the one there is for"
            f" {endpoint.name} cannot be used."
        )
    host = host_and_port(endpoint.address)
    if key.host == host:
        return ""
    return (
        f"The member's own key was given for {key.host}, and {endpoint.name} is at {host}"
        " now. It is sent nowhere else; one for the new place can be entered in Settings,"
        " under Keys."
    )


def stored_secrets() -> Iterator[str]:
    """Every key that is stored and can be read here, to look for where it must not be."""
    for endpoint in Endpoint.objects.all():
        with suppress(SecretUnreadable):
            yield call_secrets(endpoint=endpoint)
    for key in ApiKey.objects.select_related("user").iterator():
        with suppress(SecretUnreadable):
            yield decrypt(key.secret, owner=_member(key.user), host=key.host)


def count_unreadable() -> int:
    """How many stored keys cannot be read with the site's own keys as they are here."""
    tokens = [
        *Endpoint.objects.exclude(site_key="").values_list("site_key", flat=True),
        *ApiKey.objects.values_list("secret", flat=True).iterator(),
    ]
    return sum(not can_read(token) for token in tokens)


def note_call(
    *, owner: User, endpoint: Endpoint, began_at: datetime, state: KeyState | None
) -> None:
    """Write that a member's key was used, and what it showed; None: nothing of the key.

    Not on a key that took its place since the call began.
    """
    used = ApiKey.objects.at(endpoint, owner=owner).filter(created_at__lte=began_at)
    shown = {"state": state, "state_at": began_at} if state else {}
    used.update(last_used_at=began_at, **shown)


def describe_key(*, endpoint: Endpoint) -> str:
    """What staff may see of the endpoint's key: its last four characters at most."""
    try:
        key = call_secrets(endpoint=endpoint)
    except SecretUnreadable:
        return "cannot be read, enter it again"
    if not key:
        return "none"
    return f"ends in {last_four(key)}" if can_be_secret(key) else "set"


def last_four(key: str) -> str:
    """The end of `key`, as far as it may be shown; blank of one that is too short."""
    return key[-4:] if can_be_secret(key) else ""


def _member(owner: User) -> str:
    return f"user:{owner.pk}"
