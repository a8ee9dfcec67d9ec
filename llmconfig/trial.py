"""A trial of an endpoint: its list of models, then two small calls as a reply makes them.

It runs in the web process and therefore without LiteLLM.
"""

import time
from dataclasses import dataclass

from django.conf import settings

from core.event_loop import submit
from llmconfig import trial_words as words
from llmconfig.addresses import check_address, host_and_port
from llmconfig.asking import Service
from llmconfig.errors import AI_OFF, KEY_NEEDED, CallFailed, TrialFailed
from llmconfig.listing import list_models
from llmconfig.providers import Provider
from llmconfig.small_calls import ask_plainly, ask_streamed


@dataclass(frozen=True)
class TrialResult:
    """What a trial showed, in words for staff, and the models that are there.

    `models` is empty where the service has no list, None where it could not be read.
    """

    message: str
    models: list[str] | None = None


def try_endpoint(
    *, provider: Provider, address: str, key: str, model: str
) -> TrialResult:
    """Ask `model` at `address` for a greeting, plainly and then word by word.

    Raises TrialFailed, mostly of kind `key_refused`, `no_model`, `unreachable` or
    `no_stream`, or AddressDenied, having sent nothing. Takes 50 seconds at the most.
    """
    service = _checked(provider, address, key)
    return submit(_try(service, model)).result()


def read_models(*, provider: Provider, address: str, key: str) -> list[str]:
    """The names of the models at `address`; empty if it has no list. Raises as a trial."""
    return submit(_read(_checked(provider, address, key))).result()


def _checked(provider: Provider, address: str, key: str) -> Service:
    if not settings.AI_FEATURES_ENABLED:  # off wins: a trial calls a model, too
        raise TrialFailed("ai_off", AI_OFF)
    check_address(address)
    if provider.needs_key_at(address) and not key:
        raise TrialFailed("key_refused", KEY_NEEDED)
    return Service(provider, address, key)


def try_key(*, provider: Provider, address: str, key: str) -> tuple[bool, str]:
    """Ask `address` for its models with `key`: whether that showed that it is taken.

    A list that everybody gets shows nothing of a key. Returns also what to say of it.
    Raises as `try_endpoint` does; of kind `key_refused` when the key is not taken.
    """
    place = host_and_port(address)
    if not submit(_read(_checked(provider, address, key))).result():
        return False, (
            f"{place} answers but has no list of models. Whether it takes the key, the"
            " first reply will show."
        )
    if not _is_closed(provider, address):
        return False, (
            f"{place} answers, but to everybody: whether it takes the key, the first"
            " reply will show."
        )
    return True, f"It works: {place} takes the key. Limits and credit are not tried."


def _is_closed(provider: Provider, address: str) -> bool:
    """Whether the list of models is refused to those without a key."""
    try:
        submit(_read(Service(provider, address, ""))).result()
    except TrialFailed as failure:
        return failure.kind == "key_refused"
    return False


async def _read(service: Service) -> list[str]:
    try:
        return await list_models(service)
    except CallFailed as failure:
        kind = "unreachable" if failure.kind == "timed_out" else failure.kind
        raise TrialFailed(kind, words.of_failure(service, failure, kind)) from None


async def _try(service: Service, model: str) -> TrialResult:
    models = await _read_if_reached(service)
    started = time.monotonic()
    try:
        plain = await ask_plainly(service, model)
    except CallFailed as failure:
        said = words.of_call(service, failure, model=model, models=models)
        raise TrialFailed(failure.kind, said, models=models) from None
    seconds = time.monotonic() - started
    try:
        streamed = await ask_streamed(service, model)
    except CallFailed as failure:
        # Asked twice within a second: a new account's limit, and no word on streaming.
        kind = "rate_limited" if failure.kind == "rate_limited" else "no_stream"
        said = words.of_stream(service, failure, seconds)
        raise TrialFailed(kind, said, models=models) from None
    sample = words.sample(streamed or plain, key=service.key)
    return TrialResult(words.of_success(seconds, sample, model, models), models)


async def _read_if_reached(service: Service) -> list[str] | None:
    """The list; None if it is kept from this key, which may answer all the same."""
    try:
        return await _read(service)
    except TrialFailed as failure:
        if failure.kind == "unreachable":
            raise
        return None
