"""How often one may do what: abuse limits, counted in Valkey.

They protect the site from haste, not from bills: what may be spent is in PostgreSQL
(`llmqueue.limits`). While Valkey is away nothing is counted and nobody is refused.

A moving window: the times of the latest acts are a list in Valkey, and one more is
allowed if the one that stands `count` places back is older than the window. Looking
and counting is one script, which Valkey runs alone; so no number of requests at once
passes a limit. What is refused is not counted: whoever waits as told gets through.
"""

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, cast

import redis
from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

from core.errors import TooOften

log = logging.getLogger(__name__)

# After Valkey failed, pages do not wait for it again so soon.
_PAUSE_SECONDS = 5.0


@dataclass(frozen=True)
class Rule:
    """`whom`: what is counted by. `words`: what whoever passes it is told."""

    name: str
    whom: str
    words: str


RULES = {
    "guest_pages": Rule(
        "Pages, for guests",
        "address",
        "Too many pages were opened from your address in a short time.",
    ),
    "member_pages": Rule(
        "Pages, for members", "member", "You opened too many pages in a short time."
    ),
    "pictures": Rule(
        "Pictures of posts",
        "member, guests by address",
        "Too many pictures were opened in a short time.",
    ),
    "sign_ins": Rule(
        "Failed attempts to sign in",
        "address",
        "There were too many attempts in a short time.",
    ),
    "account_sign_ins": Rule(
        "Failed attempts to sign in",
        "account",
        "There were too many attempts in a short time.",
    ),
    "sign_ups": Rule(
        "New accounts", "address", "Too many accounts were made from your address."
    ),
    "resets": Rule(
        "Mails for a new password",
        "address and account",
        "A new password was asked for too often.",
    ),
    "posts": Rule("New and edited posts", "member", "You are posting very fast."),
    "previews": Rule("Previews", "member", "You are previewing very fast."),
    "asks": Rule("Asks", "member", "You are asking very fast."),
    "subforum_asks": Rule(
        "Asks", "subforum", "A lot is being asked in this subforum just now."
    ),
    "uploads": Rule("Uploads", "member", "You are uploading very fast."),
    "tests": Rule("Tests of models and keys", "member", "You are testing very fast."),
}

# KEYS: lists of times, the latest first. ARGV: for each the number of its windows, then
# their counts and lengths in ms. Returns {0, 0}, or which key refuses and the ms to wait.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local refusing, wait, at = 0, 0, 1
local most, longest = {}, {}
for i, key in ipairs(KEYS) do
  local windows = tonumber(ARGV[at])
  at, most[i], longest[i] = at + 1, 0, 0
  for _ = 1, windows do
    local count, length = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
    local before = tonumber(redis.call('LINDEX', key, count - 1) or 0)
    local left = before + length - now
    if before <= now and left > wait then refusing, wait = i, left end
    most[i], longest[i] = math.max(most[i], count), math.max(longest[i], length)
    at = at + 2
  end
end
if refusing == 0 then
  for i, key in ipairs(KEYS) do
    redis.call('LPUSH', key, string.format('%.0f', now))
    redis.call('LTRIM', key, 0, most[i] - 1)
    redis.call('PEXPIRE', key, longest[i])
  end
end
return {refusing, wait}
"""


def take(request: HttpRequest, **subjects: object) -> None:
    """Count one act under each rule for its subject, such as `posts=member.pk`.

    None as a subject is not counted. Raises TooOften if any rule refuses, having counted
    under none; whatever page tells of it is answered as 429 by the middleware.
    """
    counted = [
        (name, _key(name, subject), settings.RATES[name])
        for name, subject in subjects.items()
        if subject is not None and RULES[name] and name in settings.RATES
    ]
    counter = _counter(settings.REDIS_URL, settings.RATE_PATIENCE.total_seconds())
    if not counted or time.monotonic() < counter.resumes_at:
        return
    try:
        refusing, wait = counter.count(counted)
    except redis.RedisError as error:
        counter.resumes_at = time.monotonic() + _PAUSE_SECONDS
        log.warning("rates: nothing is counted: %s", type(error).__name__)
        return
    if refusing:
        refused = too_often(counted[refusing - 1][0], timedelta(milliseconds=wait))
        raise note(request, refused)


def in_force() -> list[tuple[Rule, str, str]]:
    """Each rule that holds, with its figures in words and the variable that sets them."""
    return [
        (
            rule,
            " and ".join(_words(*it) for it in settings.RATES[name]),
            f"RATE_{name.upper()}",
        )
        for name, rule in RULES.items()
        if name in settings.RATES
    ]


def _words(count: int, seconds: float) -> str:
    for unit, length in (("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds % length == 0:
            number = int(seconds // length)
            return f"{count} in {number} {unit}{'s' * (number != 1)}"
    return f"{count} in {seconds} seconds"


def too_often(name: str, wait: timedelta) -> TooOften:
    """The refusal of the rule called `name`."""
    return TooOften(RULES[name].words, wait)


def note(request: HttpRequest, refusal: TooOften) -> TooOften:
    """Let the middleware know that the answer to `request` is this refusal."""
    request.too_often = refusal  # type: ignore[attr-defined]
    return refusal


@dataclass
class _Counter:
    """The script in one Valkey, which is left alone until `resumes_at`."""

    script: Script
    resumes_at: float = 0.0

    def count(self, counted: list[tuple[str, str, Any]]) -> tuple[int, int]:
        """What the script returns for (rule, key, rates) of each."""
        keys = [key for _, key, _ in counted]
        windows: list[int] = []
        for _, _, rates in counted:
            windows.append(len(rates))
            for most, seconds in rates:
                windows += [most, round(seconds * 1000)]
        refusing, wait = cast("list[int]", self.script(keys=keys, args=windows))
        return refusing, wait


@cache
def _counter(url: str, patience_seconds: float) -> _Counter:
    client = redis.Redis.from_url(
        url,
        socket_timeout=patience_seconds,
        socket_connect_timeout=patience_seconds,
        retry=Retry(NoBackoff(), 0),
    )
    return _Counter(client.register_script(_TAKE))


def _key(name: str, subject: object) -> str:
    """Neither addresses nor names of accounts are written into Valkey."""
    digest = salted_hmac("core.rates", str(subject), algorithm="sha256").hexdigest()
    return f"rate:{name}:{digest[:32]}"
