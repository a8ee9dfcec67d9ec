"""Situations of the queue, and the classes of error a request may end with.

`ERROR_CLASSES` is the whole list: every class a stored request can carry, with the
sentence for whoever asked. How a call can fail is worded once, in `llmconfig.errors`;
here stands what the queue itself adds.
"""

from typing import TYPE_CHECKING

from core.errors import ForllmError
from llmconfig.errors import MESSAGES
from llmconfig.models import Endpoint

if TYPE_CHECKING:
    from llmqueue.models import Stop

ERROR_CLASSES = MESSAGES | {
    "crashed": "The worker died too often while it ran this request.",
    "endpoint_paused": "The model's provider did not answer for too long. Ask again later.",
    "unknown_kind": "No part of this site handles requests of this kind.",
    "no_key": "The provider needs a key and none is set.",
    "own_key": "The member's own key was refused or cannot be used.",
    "no_persona": "No persona is left that may answer here.",
    "gone": "What was to be answered, or who asked, is no longer there.",
    "locked": "The topic was locked before the reply was there.",
    "persona_gone": "The persona was taken away while it was writing.",
    "ai_off": "AI is switched off.",
    "cancelled": "A person cancelled it.",
    "refused": "The model refused to answer this.",
    "limit_reached": "A limit of this site is reached.",
    "sample_used_up": "The requests to try the site with are used up.",
    "budget_reached": "Your own budget is used up.",
    "no_price": "What the model costs is not known, and a limit is set on costs.",
    "tier": "Your kind of membership does not allow this yet.",
}
# Of these, what whoever runs the site can mend where models are set up.
MODEL_TROUBLE = frozenset(
    "no_model no_key key_refused unreachable timed_out rate_limited overloaded"
    " bad_request endpoint_paused".split()
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


class LimitReached(Refused):
    """No room is left in a limit that staff have set; worded for whoever asks."""

    def __init__(
        self, message: str = "", *, error_class: str = "limit_reached"
    ) -> None:
        super().__init__(error_class, message, is_failure=True)


class SampleUsedUp(LimitReached):
    """A member whose address is not confirmed has used what they may try."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message, error_class="sample_used_up")


class BudgetReached(LimitReached):
    """No room is left in the budget that the member set for themselves."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message, error_class="budget_reached")


class NoPrice(Refused):
    """A limit on costs fits, and what the model costs is not known."""

    def __init__(self, message: str = "") -> None:
        super().__init__("no_price", message, is_failure=True)


class TierNotAllowed(Refused):
    """Nothing is left that the member's tier may use."""

    def __init__(self, message: str = "") -> None:
        super().__init__("tier", message, is_failure=True)


class WrongLane(ForllmError):
    """The request waits in another lane than that of `endpoint`, which it resolves to."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        super().__init__(f"It belongs in the lane of {endpoint.name}.")


class SwitchedOff(ForllmError):
    """No call may be made for the request now; it waits until that changes.

    `stop`: what keeps it; None: the site's environment.
    """

    message = "AI is switched off at the moment."

    def __init__(self, stop: "Stop | None" = None) -> None:
        self.stop = stop
        super().__init__()


class EndpointPaused(ForllmError):
    """The endpoint failed too often and is left alone; the request goes on waiting.

    `on_own_key`: the request would be called with a key of the member's own.
    """

    message = "The endpoint is paused."

    def __init__(self, *, on_own_key: bool) -> None:
        self.on_own_key = on_own_key
        super().__init__()


class Stopped(ForllmError):
    """Nobody may ask there, or ask that persona, until staff lift the stop.

    `stop` None: AI is off in the site's environment.
    """

    def __init__(self, stop: "Stop | None") -> None:
        what = _STOPPED.get(stop.scope if stop else "", "Asking personas")
        why = f" {stop.reason}" if stop and stop.reason else ""
        super().__init__(f"{what} is switched off at the moment.{why}")


_STOPPED = {"persona": "Asking this persona", "place": "Asking personas here"}


class AlreadyStopped(ForllmError):
    """The same is stopped already."""

    message = "This is stopped already. Lift that stop first to change it."


class LeaseLost(ForllmError):
    """Another worker holds the request, or it has ended."""


class AlreadyEnded(ForllmError):
    """The request has a final status, which never changes."""

    message = "This request has already ended."
