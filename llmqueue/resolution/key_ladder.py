"""Whose key a call is made with: the member's own > the site's, if it is open to them.

Where a member has a key of their own, it alone is used: one that cannot be is an error,
and never the site's bill.
"""

from dataclasses import dataclass

from accounts.models import User
from core import encryption
from llmconfig.models import Endpoint, OpenTo
from llmconfig.services import keys
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.receipts import Passed, Rung, Step, climb


@dataclass(frozen=True)
class KeyChoice:
    """Whose key it is, None for the site's or none at all, and which in words."""

    owner: User | None
    why: str

    def __str__(self) -> str:
        return self.why


@dataclass(frozen=True)
class _Context:
    """`own_only`: what the member's own key began, nobody else's goes on with."""

    inputs: Inputs
    endpoint: Endpoint
    lookups: Lookups
    own_only: bool


def resolve_key(
    inputs: Inputs, endpoint: Endpoint, lookups: Lookups, *, own_only: bool = False
) -> tuple[KeyChoice, tuple[Step, ...]]:
    """Whose key to call `endpoint` with, and the steps to it.

    Raises Refused when there is none to be used: `own_key` if the member's own cannot be.
    """
    context = _Context(inputs, endpoint, lookups, own_only)
    choice, steps = climb(_LADDER, context)
    if choice is None:
        raise Refused("no_key", _nothing_left(context), is_failure=True)
    return choice, steps


def _own(context: _Context) -> KeyChoice | Passed:
    member, endpoint = context.inputs.member, context.endpoint
    if member is None:
        return Passed("The site itself asks.")
    if not endpoint.is_for_own_keys:  # and then nobody's are read
        return Passed(f"{endpoint.name} takes no keys of members.")
    key = context.lookups.own_key(member, endpoint)
    if key is None:
        return Passed(f"The member has no key of their own for {endpoint.name}.")
    if problem := keys.problem_of(key=key, endpoint=endpoint):
        raise Refused("own_key", problem, is_failure=True)
    return KeyChoice(member, f"The member's own key for {endpoint.name}.")


def _site(context: _Context) -> KeyChoice | Passed:
    endpoint = context.endpoint
    if reason := _why_not_open(context):
        return Passed(reason)
    if not endpoint.site_key:
        return Passed(f"No key is set for {endpoint.name}.")
    return KeyChoice(None, f"The key stored for {endpoint.name}.")


def _none_needed(context: _Context) -> KeyChoice | Passed:
    endpoint = context.endpoint
    if endpoint.needs_key:
        return Passed(f"{endpoint.kind.label} takes no calls without one.")
    if reason := _why_not_open(context):
        return Passed(reason)
    return KeyChoice(None, f"{endpoint.kind.label} takes calls without one.")


_CLOSED = {
    OpenTo.VERIFIED: "answers at the site's expense only members with a confirmed address",
    OpenTo.STAFF: "answers only staff at the site's expense",
    OpenTo.NOBODY: "answers nobody at the site's expense",
}


def _why_not_open(context: _Context) -> str:
    """Why the site does not pay for this call; blank: it does."""
    member, endpoint = context.inputs.member, context.endpoint
    if context.own_only:
        return "A call that began with a member's own key goes on with no other."
    open_to = OpenTo(endpoint.open_to)
    if member is None or open_to == OpenTo.MEMBERS:
        return ""
    if open_to.admits(context.lookups.tier(member)):
        return ""
    return f"{endpoint.name} {_CLOSED[open_to]}."


def _nothing_left(context: _Context) -> str:
    endpoint = context.endpoint
    reason = _why_not_open(context) or f"No key is set for {endpoint.name}."
    if endpoint.is_for_own_keys and encryption.is_on():
        reason += " A member may bring their own in Settings, under Keys."
    return reason


_LADDER: tuple[Rung[_Context, KeyChoice], ...] = (
    ("the member's own key", _own),
    ("the site's key", _site),
    ("no key needed", _none_needed),
)
