"""Where a request stands, and what became of a call."""

from django.db import models


class Status(models.TextChoices):
    """Where a request stands. The last three are final and never change."""

    PENDING = "pending", "Waiting"
    PROCESSING = "processing", "Writing"
    COMPLETE = "complete", "Done"
    ERROR = "error", "Failed"
    CANCELLED = "cancelled", "Cancelled"


FINAL = (Status.COMPLETE, Status.ERROR, Status.CANCELLED)


class Outcome(models.TextChoices):
    """What became of one call; unknown until it is known."""

    UNKNOWN = "unknown", "Unknown"
    ANSWERED = "answered", "Answered"
    CUT_OFF = "cut_off", "Answered, cut off at the length limit"
    DECLINED = "declined", "Answered, but it reads like a refusal"
    EMPTY = "empty", "Empty answer"
    REFUSED = "refused", "Refused by the model"
    FILTERED = "filtered", "Held back by the provider's filter"
    MALFORMED = "malformed", "Answer not understood"
    TOO_LONG = "too_long", "Too long for the model"
    RATE_LIMITED = "rate_limited", "Asked too often"
    OVERLOADED = "overloaded", "Provider failed"
    UNREACHABLE = "unreachable", "Not reachable"
    TIMED_OUT = "timed_out", "Took too long"
    KEY_REFUSED = "key_refused", "Key refused"
    NO_MODEL = "no_model", "No such model"
    BAD_REQUEST = "bad_request", "Request refused by the provider"
    INTERRUPTED = "interrupted", "Interrupted"
    CANCELLED = "cancelled", "Cancelled"


# Outcomes whose text is posted.
ANSWERS = (Outcome.ANSWERED, Outcome.CUT_OFF)
# Outcomes whose text may be: a refusal in prose, if no other model does better.
REPLIES = (*ANSWERS, Outcome.DECLINED)
