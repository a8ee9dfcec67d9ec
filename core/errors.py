"""Errors of the core; every error of ours that a person may see has a `message`."""

import math
from datetime import timedelta


class ForllmError(Exception):
    """A situation with a sentence for the person who caused it.

    `message` is shown in pages and stored with requests, so it holds no secret.
    """

    message = "That did not work."

    def __init__(self, message: str = "") -> None:
        if message:
            self.message = message
        super().__init__(self.message)


class NotAllowed(ForllmError):
    """The person may read this, but not do that."""

    message = "You may not do that."


class TooOften(ForllmError):
    """Somebody does something faster than this site allows; see core.rates.

    `retry_after_seconds`: when the same is possible again, in whole seconds.
    """

    def __init__(self, words: str, wait: timedelta) -> None:
        self.retry_after_seconds = max(1, math.ceil(wait.total_seconds()))
        number, unit = self.retry_after_seconds, "second"
        if number > 90:
            number, unit = math.ceil(number / 60), "minute"
        super().__init__(f"{words} Try again in {number} {unit}{'s' * (number != 1)}.")


class HandleRefused(ForllmError):
    """The name cannot be a handle: wrong letters, reserved, taken or a look-alike."""


class HandleTaken(HandleRefused):
    """Another member or persona has it, or one that cannot be told from it."""

    message = "This handle, or one that looks like it, is taken."


class NameRefused(ForllmError):
    """A member's display name is, or looks like, somebody else's name."""


class ImageRefused(ForllmError):
    """What was uploaded is no picture, a broken one, or one that is too large."""

    message = "This is no picture that the site can read. PNG, JPEG, WebP and GIF work."


class EncryptionOff(ForllmError):
    """The site has no key of its own, so no secret can be stored."""

    message = (
        "This site cannot store keys: it has no key of its own to encrypt them with"
        " (LLM_ENCRYPTION_KEYS)."
    )


class SecretUnreadable(ForllmError):
    """A stored secret cannot be decrypted here, or belongs to another owner or host."""

    message = "A stored key cannot be read. Please enter it again."


class OutboundRefused(ForllmError):
    """Our own guard ended a request to another machine; see core.network.

    The messages say what rule was broken and never what was found at the address.
    """

    message = "The site does not make this connection."


class AddressDenied(OutboundRefused):
    """The address is not public and not one the operator listed."""

    message = (
        "The site does not call this address. Public services are called by https on"
        " the usual port; a private one has to be in LLM_PRIVATE_HOSTS as host:port."
    )


class RedirectNotFollowed(OutboundRefused):
    """The answer was a redirect, which is never followed."""

    message = "The service answered with a redirect, which is not followed."


class BodyTooLarge(OutboundRefused):
    """The answer is longer than LLM_MAX_BODY_BYTES."""

    message = "The service's answer was too large."


class EncodingRefused(OutboundRefused):
    """The answer is compressed though that was not asked for; it could unpack to anything."""

    message = "The service compressed its answer without being asked to."
