"""Situations on the test bench; each `message` is for the person who caused it."""

from core.errors import ForllmError


class NothingToTry(ForllmError):
    """The draft cannot be tried as it is; the message says what stands against it."""


class TestingOff(ForllmError):
    """No model may be called for this member now."""

    message = (
        "AI is switched off at the moment, for the site or by you in your settings."
    )


class LimitExists(ForllmError):
    """There is a limit for the same in the same period."""

    message = "There is such a limit already: change that one."
