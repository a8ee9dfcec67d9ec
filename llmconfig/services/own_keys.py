"""Members' own keys: brought, tried and removed, and where they lead."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import AuditEvent, User
from accounts.services import record
from accounts.tiers import Tier, tier_of
from core import encryption
from core.errors import AddressDenied, EncryptionOff, NotAllowed
from llmconfig.addresses import host_and_port
from llmconfig.errors import MESSAGES, KeyGone, TrialFailed, TriedTooOften
from llmconfig.models import ApiKey, Endpoint, KeyState, OpenTo
from llmconfig.services import keys
from llmconfig.trial import try_key

# A stolen key could be tried here as well as at the provider: no more often than that.
MOST_TRIALS = 10
TRIAL_WINDOW = timedelta(hours=1)
_TESTED = "own_key tested"


@dataclass(frozen=True)
class KeySlot:
    """An endpoint as its page of keys shows it to a member, with their key if any.

    `host`: where a key would be sent. `problem`: why the key there is cannot be used.
    `is_open`: a new key may be entered.
    """

    endpoint: Endpoint
    key: ApiKey | None
    host: str
    problem: str
    is_open: bool


def slots_of(user: User) -> list[KeySlot]:
    """The endpoints that take the member's keys, and others for which they have one."""
    own = {key.endpoint_id: key for key in ApiKey.objects.of(user)}
    taking = [it for it in Endpoint.objects.in_order() if it.is_for_own_keys]
    others = [key.endpoint for key in own.values() if key.endpoint not in taking]
    return [_slot(it, own.get(it.pk), is_open=it in taking) for it in taking + others]


def find_slot(user: User, endpoint_id: int) -> KeySlot | None:
    """The same for one endpoint; None if it takes no keys and they have none there."""
    found = (it for it in slots_of(user) if it.endpoint.pk == endpoint_id)
    return next(found, None)


def _slot(endpoint: Endpoint, key: ApiKey | None, *, is_open: bool) -> KeySlot:
    problem = ""
    if key is not None:
        problem = keys.problem_of(key=key, endpoint=endpoint)
        if problem and encryption.is_on():
            problem = _moved(key, endpoint)
        if not is_open:
            problem = f"{endpoint.name} takes no keys of members at the moment."
    host = host_and_port(endpoint.address)
    can_store = is_open and encryption.is_on()
    return KeySlot(endpoint, key, host, problem, is_open=can_store)


def _moved(key: ApiKey, endpoint: Endpoint) -> str:
    """What `keys.problem_of` says of another host, to whose key it is."""
    host = host_and_port(endpoint.address)
    return (
        f"Your key was given for {key.host}, and {endpoint.name} is at {host} now. It is"
        " sent nowhere else: enter one for the new place, or remove it."
    )


def save_key(*, user: User, endpoint: Endpoint, key: str, nickname: str) -> str:
    """Keep `key` as the member's own for `endpoint`, after a trial; say what that showed.

    It takes the place of the one there is; blank keeps that and changes the nickname.
    Raises EncryptionOff, NotAllowed if the endpoint takes no keys of members, KeyGone if
    there is none to keep, and TrialFailed if the provider refuses the key, having written
    nothing. Where the trial cannot be made, the key is kept as not tried.
    """
    if not key:
        if not ApiKey.objects.at(endpoint, owner=user).update(nickname=nickname):
            raise KeyGone
        return ""
    if not encryption.is_on():
        raise EncryptionOff
    if not (endpoint.is_enabled and endpoint.is_for_own_keys):
        raise NotAllowed(f"{endpoint.name} takes no keys of members at the moment.")
    works, said = _first_trial(user, endpoint, key)
    _keep(user, endpoint, key, nickname, works=works)
    return said


def _first_trial(user: User, endpoint: Endpoint, key: str) -> tuple[bool, str]:
    """Try a key before it is kept; only one that the provider refuses is an error."""
    try:
        return _try(user, endpoint, key)
    except TrialFailed as failure:
        if failure.kind == "key_refused":
            raise
        return False, f"It was not tried: {failure.message}"
    except TriedTooOften as refusal:
        return False, f"It was not tried. {refusal.message}"


@transaction.atomic
def _keep(
    user: User, endpoint: Endpoint, key: str, nickname: str, *, works: bool
) -> None:
    host = host_and_port(endpoint.address)
    row, is_new = ApiKey.objects.update_or_create(
        user=user,
        endpoint=endpoint,
        defaults={
            "secret": keys.encrypt_own_key(key, owner=user, address=endpoint.address),
            "nickname": nickname,
            "last_four": keys.last_four(key),
            "host": host,
            "state": KeyState.WORKS if works else KeyState.UNTESTED,
            "state_at": timezone.now() if works else None,
            "last_used_at": None,
        },
    )
    # By the clock that calls are timed with.
    ApiKey.objects.filter(pk=row.pk).update(created_at=Now())
    _record(user, endpoint, f"own_key {'added' if is_new else 'replaced'}", host=host)


def test_key(*, user: User, endpoint: Endpoint) -> str:
    """Try the member's key for `endpoint`, and write down whether it works.

    Returns what was shown. Raises KeyGone, SecretUnreadable, TriedTooOften or TrialFailed.
    """
    row = ApiKey.objects.at(endpoint, owner=user).first()
    if row is None:
        raise KeyGone
    key = keys.call_secrets(endpoint=endpoint, owner=user)
    # Not on one that took its place meanwhile.
    same = ApiKey.objects.filter(pk=row.pk, created_at=row.created_at)
    try:
        works, said = _try(user, endpoint, key)
    except TrialFailed as failure:
        if failure.kind == "key_refused":
            same.update(state=KeyState.REFUSED, state_at=Now())
        raise
    if works:
        same.update(state=KeyState.WORKS, state_at=Now())
    return said


def _try(user: User, endpoint: Endpoint, key: str) -> tuple[bool, str]:
    _count_trial(user, endpoint)
    try:
        return try_key(provider=endpoint.kind, address=endpoint.address, key=key)
    except AddressDenied:
        raise TrialFailed("unreachable", MESSAGES["unreachable"]) from None


@transaction.atomic
def _count_trial(user: User, endpoint: Endpoint) -> None:
    """Record a trial that is about to be made; raises TriedTooOften instead of one more.

    The record is the count. The member's row is locked, so that two at once are two.
    """
    User.objects.select_for_update(of=("self",)).get(pk=user.pk)
    since = timezone.now() - TRIAL_WINDOW
    made = AuditEvent.objects.filter(actor=user, action=_TESTED, at__gt=since)
    times = list(made.order_by("-pk").values_list("at", flat=True)[:MOST_TRIALS])
    if len(times) == MOST_TRIALS:
        raise TriedTooOften(times[-1] - since)
    _record(user, endpoint, _TESTED, host=host_and_port(endpoint.address))


@transaction.atomic
def remove_key(*, user: User, endpoint: Endpoint) -> None:
    """Forget the member's key for `endpoint`; does nothing if there is none.

    What waits is decided anew; no call begins with it any more.
    """
    count, _ = ApiKey.objects.at(endpoint, owner=user).delete()
    if count:
        _record(user, endpoint, "own_key removed")


def _record(user: User, endpoint: Endpoint, action: str, **detail: object) -> None:
    record(
        actor=user,
        action=action,
        subject=("endpoint", endpoint.pk),
        endpoint=endpoint.name,
        **detail,
    )


def usable_endpoints(user: User) -> list[int]:
    """The ids of the endpoints that answer the member: by their own key or the site's.

    By the rules of the key's ladder in llmqueue; three queries, whatever their number.
    """
    tier = tier_of(user)
    own = {key.endpoint_id: key for key in ApiKey.objects.of(user)}
    every = Endpoint.objects.in_order()
    return [it.pk for it in every if _answers(it, own.get(it.pk), tier)]


def _answers(endpoint: Endpoint, key: ApiKey | None, tier: Tier) -> bool:
    if key is not None and endpoint.is_for_own_keys:
        return not keys.problem_of(key=key, endpoint=endpoint)
    has_key = bool(endpoint.site_key) or not endpoint.needs_key
    return has_key and OpenTo(endpoint.open_to).admits(tier)
