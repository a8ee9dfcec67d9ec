"""Which sampling parameters a model takes where it is called; the others are left out.

What is said here is what is sent: the pages, the receipts and the calls all ask it.
"""

import re
from dataclasses import dataclass
from typing import Any

from llmconfig.prices import listed_model
from llmconfig.providers import Provider
from llmconfig.sampling import PARAMETERS, Parameter

# Anthropic wants a limit with every call.
ANTHROPIC_MAX_TOKENS = 4096

_CHOICE_OF_WORDS = frozenset({"temperature", "top_p", "top_k"})
_PENALTIES = frozenset(it.name for it in PARAMETERS if it.name.endswith("_penalty"))
# OpenAI's models that think before they answer, whoever brings the call to them.
_THINKING = re.compile(r"o\d(-.*)?|.*gpt-[5-9].*")
# Claude models without such a choice that a price table may not know by this name.
_CLAUDE_WITHOUT = ("fable", "opus-4-7", "opus-4-8")
_DATE = re.compile(r"-20\d{6}.*")


def untaken(*, kind: Provider, address: str, model: str) -> frozenset[str]:
    """The names of PARAMETERS that `model` at `address` does not take."""
    unknown = {it.name for it in PARAMETERS if not _is_known(it, kind, address)}
    return _refused_by(model, kind) | unknown


@dataclass(frozen=True)
class Split:
    """Parameters by whether they are sent."""

    sent: dict[str, Any]
    left_out: dict[str, Any]


def split(values: dict[str, Any], *, kind: Provider, address: str, model: str) -> Split:
    """What of `values` is sent, with what the provider wants in any case; None is not set."""
    names = untaken(kind=kind, address=address, model=model)
    given = {it.name: values.get(it.name) for it in PARAMETERS}  # and no others
    found = {name: value for name, value in given.items() if value is not None}
    sent = {name: value for name, value in found.items() if name not in names}
    if kind.protocol == "anthropic":
        sent.setdefault("max_tokens", ANTHROPIC_MAX_TOKENS)
    return Split(sent, {name: value for name, value in found.items() if name in names})


def is_thinking(model: str) -> bool:
    """Whether it is one of OpenAI's models that think before they answer."""
    name = _own_name(model)
    return bool(_THINKING.fullmatch(name)) and "gpt-5-chat" not in name


def _is_known(parameter: Parameter, kind: Provider, address: str) -> bool:
    if kind.protocol in parameter.protocols:
        return True
    is_open = kind.protocol == "openai" and not kind.is_strict_at(address)
    return parameter.is_extra and is_open


def _refused_by(model: str, kind: Provider) -> frozenset[str]:
    """What the model itself refuses, whatever others of its provider take."""
    if kind.protocol == "anthropic":
        return _CHOICE_OF_WORDS if _is_claude_without(model) else frozenset()
    if is_thinking(model):
        listed = listed_model(prices="openai", model=_own_name(model))
        # Some think only when they are told to, and take the rest.
        answers_at_once = listed is not None and listed.default_effort == "none"
        return _PENALTIES if answers_at_once else _PENALTIES | _CHOICE_OF_WORDS
    listed = listed_model(prices=kind.prices, model=model)
    return _CHOICE_OF_WORDS if listed and listed.is_without_sampling else frozenset()


def _is_claude_without(model: str) -> bool:
    """As LiteLLM finds it out, which leaves these out by itself."""
    name = model.lower().replace(".", "-")
    for known in (name, _DATE.sub("", name)):
        if listed := listed_model(prices="anthropic", model=known):
            return listed.is_without_sampling
    return any(it in name for it in _CLAUDE_WITHOUT)


def _own_name(model: str) -> str:
    """Its name without whose it is: openai/gpt-5 is gpt-5."""
    return model.lower().rpartition("/")[2]
