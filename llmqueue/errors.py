"""Situations of the queue, and the classes of error a request may end with.

`ERROR_CLASSES` is the whole list: every class a stored request can carry, with the
sentence for whoever asked. How a call can fail is worded once, in `llmconfig.errors`;
here stands what the queue itself adds.
"""

from core.errors import ForllmError
from llmconfig.errors import MESSAGES
from llmconfig.models import Endpoint

ERROR_CLASSES = MESSAGES | {
    "crashed": "The worker died too often while it ran this request.",
    "unknown_kind": "No part of this site handles requests of this kind.",
    "no_key": "The provider needs a key and none is set.",
    "no_persona": "No persona is left that may answer here.",
    "gone": "What was to be answered, or who asked, is no longer there.",
    "locked": "The topic was locked before the reply was there.",
    "persona_gone": "The persona was taken away while it was writing.",
    "ai_off": "AI is switched off.",
    "cancelled": "A person cancelled it.",
    "refused": "The model refused to answer this.",
}
# Of these, what whoever runs the site can mend where models are set up.
MODEL_TROUBLE = frozenset(
    "no_model no_key key_refused unreachable timed_out rate_limited overloaded"
    " bad_request".split()
)


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


class SwitchedOff(ForllmError):
    """AI was switched off since the request was claimed; it waits until it is on again."""

    message = "AI is switched off at the moment."


class LeaseLost(ForllmError):
    """Another worker holds the request, or it has ended."""


class AlreadyEnded(ForllmError):
    """The request has a final status, which never changes."""

    message = "This request has already ended."
