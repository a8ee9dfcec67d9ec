"""What can go wrong with models and their endpoints."""

from datetime import timedelta
from typing import TYPE_CHECKING

from core.errors import ForllmError

if TYPE_CHECKING:
    from llmconfig.calls import Answer

MESSAGES = {
    "bad_request": "The provider did not accept the request.",
    "cancelled": "The call was cancelled.",
    "empty": "The model gave an empty answer.",
    "filtered": "The provider's filter held the request back.",
    "interrupted": "The call was interrupted.",
    "key_refused": "The provider refused the key, or its account may not do this.",
    "malformed": "The provider's answer could not be understood.",
    "no_model": "The provider has no such model, or the address is wrong.",
    "overloaded": "The provider failed or broke off.",
    "rate_limited": "The provider was asked too often.",
    "timed_out": "The model took too long.",
    "too_long": "The text is too long for the model.",
    "unreachable": "The provider cannot be reached.",
}


KEY_NEEDED = "This provider needs a key."
AI_OFF = "AI is switched off for this whole site, so nothing was sent."


class CallFailed(ForllmError):
    """A call to a model that brought no usable answer.

    `kind` is a key of MESSAGES, each of which is the value of an `llmqueue` Outcome.
    `retry_after` is what the provider asked for. `partial` is what had arrived: text,
    usage and times, as far as known. `is_unsent`: no request could be made of it. Nothing
    the provider wrote is in the message.
    """

    def __init__(
        self,
        kind: str,
        message: str = "",
        *,
        status: int | None = None,
        retry_after: timedelta | None = None,
        partial: "Answer | None" = None,
        is_unsent: bool = False,
    ) -> None:
        self.kind = kind
        self.status = status
        self.is_unsent = is_unsent
        self.retry_after = retry_after
        self.partial = partial
        message = message or MESSAGES[kind]
        super().__init__(f"{message} (HTTP {status})" if status else message)


class ChangedMeanwhile(ForllmError):
    """Somebody else changed or deleted it first; nothing of what was wanted is written."""

    message = (
        "Somebody else saved a change at the same moment, so yours was not. Look at it"
        " again, then send it once more."
    )


class ConfigNameTaken(ForllmError):
    """Another config of the same owner is called so."""

    message = "Another model is called so. Please choose another name."


class TooManyConfigs(ForllmError):
    """The member has as many configs of their own as one may have."""

    message = "You have very many models of your own: delete one you do not use first."


class ConfigInUse(ForllmError):
    """The config cannot be deleted: `uses` says in words what needs it."""

    def __init__(self, uses: list[str]) -> None:
        self.uses = uses
        super().__init__(f"It is still needed: {'; '.join(uses)}.")


class TooManyFavourites(ForllmError):
    """As many favourites as one may have."""

    message = "A quick choice is short: take one of your favourites away first."


class EndpointInUse(ForllmError):
    """The endpoint cannot be deleted: `uses` says in words what needs it."""

    def __init__(self, uses: list[str]) -> None:
        self.uses = uses
        super().__init__(f"It is still needed: {'; '.join(uses)}.")


class EndpointOff(ForllmError):
    """What was wanted of the endpoint needs it to be switched on."""


class RedirectRefused(ForllmError):
    """The redirect cannot be made; the message says what stands against it."""


class KeyGone(ForllmError):
    """The member has no key of their own there, or not any more."""

    message = "This key was removed."


class TriedTooOften(ForllmError):
    """The member tried keys so often that they have to wait for `retry_after`."""

    def __init__(self, retry_after: timedelta) -> None:
        self.retry_after = retry_after
        minutes = -(-int(retry_after.total_seconds()) // 60) or 1
        super().__init__(
            "You have tried keys very often. The next try is possible in"
            f" {minutes} minute{'s' * (minutes != 1)}."
        )


class TrialFailed(ForllmError):
    """The trial of an endpoint failed.

    `kind` is a key of MESSAGES, or "no_stream": it answers, but not word by word; or
    "ai_off": nothing was sent.
    `models`: the list that was read before it failed, as in `TrialResult`.
    """

    def __init__(
        self, kind: str, message: str, *, models: list[str] | None = None
    ) -> None:
        self.kind = kind
        self.models = models
        super().__init__(message)
