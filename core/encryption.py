"""Secrets at rest: encrypted, and bound to an owner and a host."""

import json
from base64 import b64encode
from urllib.parse import quote

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from core.errors import EncryptionOff, SecretUnreadable

# Whoever runs a model without keys is told to enter a word such as `ollama` or `none`.
_LEAST_SECRET_CHARS = 16


def can_be_secret(key: str) -> bool:
    """Whether `key` is long enough to be one that a provider gave out."""
    return len(key) >= _LEAST_SECRET_CHARS


def spellings_of(secret: str) -> tuple[str, ...]:
    """`secret` in the ways in which a server may repeat it, itself first.

    As in an address, as in JSON, and in base64 whatever stands before it there; an
    ordinary word only as it is.
    """
    if not can_be_secret(secret):
        return (secret,)
    found = [secret, quote(secret, safe=""), secret.replace("/", "\\/")]
    for before in range(3):
        coded = b64encode(b"\0" * before + secret.encode()).decode()
        # The letters at both ends hold bits of what stands beside it, too.
        own = coded[-(-before * 8 // 6) : (before + len(secret.encode())) * 8 // 6]
        found += [own, own.replace("+", "-").replace("/", "_")]
    return tuple(dict.fromkeys(found))


def is_on() -> bool:
    """Whether secrets can be stored here: the site has a key of its own."""
    return bool(settings.LLM_ENCRYPTION_KEYS)


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.LLM_ENCRYPTION_KEYS])


def encrypt(secret: str, *, owner: str, host: str) -> str:
    """Encrypt `secret` for one owner (such as "site" or "user:7") and one host.

    Both stand inside the ciphertext: a token copied to another row does not open there.
    Raises EncryptionOff if the site has no key of its own.
    """
    if not is_on():
        raise EncryptionOff
    bound = json.dumps({"secret": secret, "owner": owner, "host": host.lower()})
    return _fernet().encrypt(bound.encode()).decode()


def decrypt(token: str, *, owner: str, host: str) -> str:
    """Return the secret of `token`.

    Raises SecretUnreadable if no key opens it, or if it was made for another owner
    or host.
    """
    if not is_on():
        raise SecretUnreadable
    try:
        bound = json.loads(_fernet().decrypt(token))
    except (InvalidToken, ValueError):  # ValueError: no base64 at all
        raise SecretUnreadable from None
    if (bound["owner"], bound["host"]) != (owner, host.lower()):
        raise SecretUnreadable
    return str(bound["secret"])


def can_read(token: str) -> bool:
    """Whether one of the site's keys opens `token`, whoever it was made for."""
    try:
        return is_on() and bool(_fernet().decrypt(token))
    except (InvalidToken, ValueError):
        return False


def renew(token: str) -> str | None:
    """`token` encrypted by the first of the site's keys; None if it is already.

    Owner and host inside it stay. Raises SecretUnreadable if no key opens it.
    """
    if not is_on():
        raise SecretUnreadable
    try:
        Fernet(settings.LLM_ENCRYPTION_KEYS[0]).decrypt(token)
    except (InvalidToken, ValueError):
        pass
    else:
        return None
    try:
        return _fernet().rotate(token).decode()
    except (InvalidToken, ValueError):
        raise SecretUnreadable from None
