"""Situations of the queue, and the classes of error a request may end with.

`ERROR_CLASSES` is the whole list: every class a stored request can carry, with what it
means. The last part comes from the outcome of the call that failed.
"""

from core.errors import ForllmError
from llmconfig.models import Endpoint

ERROR_CLASSES = {
    "crashed": "The worker died three times while it ran this request.",
    "unknown_kind": "No part of this site handles requests of this kind.",
    "no_model": "No model is set up, or the chosen one does not exist.",
    "no_key": "The provider needs a key and none is set.",
    "no_persona": "No persona is left that may answer here.",
    "gone": "What was to be answered, or who asked, is no longer there.",
    "locked": "The topic was locked before the reply was there.",
    "persona_gone": "The persona was taken away while it was writing.",
    "ai_off": "AI is switched off.",
    "cancelled": "A person cancelled it.",
    "empty": "The model answered with nothing.",
    "refused": "The model refused to answer.",
    "filtered": "The provider held the answer back.",
    "malformed": "The provider's answer could not be understood.",
    "too_long": "The topic is too long for the model.",
    "rate_limited": "The provider was asked too often.",
    "overloaded": "The provider failed.",
    "unreachable": "The model's server could not be reached.",
    "timed_out": "The model took too long.",
    "key_refused": "The provider refused the key.",
    "bad_request": "The provider refused the request.",
    "bad_output": "The answer could not be stored.",
}


class Refused(ForllmError):
    """A request must not run, or its answer must not be delivered.

    `error_class` is a key of ERROR_CLASSES. `is_failure` False: the reason lies with
    what people did meanwhile, so the request ends as cancelled, not as an error.
    """

    def __init__(
        self, error_class: str, message: str = "", *, is_failure: bool = False
    ) -> None:
        self.error_class = error_class
        self.is_failure = is_failure
        super().__init__(message or ERROR_CLASSES[error_class])


class WrongLane(ForllmError):
    """The request waits in another lane than that of `endpoint`, which it resolves to."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        super().__init__(f"It belongs in the lane of {endpoint.name}.")


class LeaseLost(ForllmError):
    """Another worker holds the request, or it has ended."""


class AlreadyEnded(ForllmError):
    """The request has a final status, which never changes."""

    message = "This request has already ended."
