"""What a trial says: what it found, and what to do next. Nothing a service wrote is in it
but a sample of the answer and the names of its models."""

import difflib
import re

from core.encryption import spellings_of
from core.markup import one_line, plain_text
from llmconfig.addresses import host_and_port, is_loopback
from llmconfig.asking import Service
from llmconfig.errors import MESSAGES, CallFailed
from llmconfig.providers import names_model
from llmconfig.small_calls import CALL_SECONDS

_SAMPLE_CHARS = 120
# So many characters of a key in a row, and nothing of what repeats them is shown.
_KEY_RUN = 8
_NEXT = {
    "bad_request": "Is it a model for chats? Those for pictures, speech or search write"
    " no replies.",
    "empty": "Test it again; if it stays silent, choose another model.",
    "filtered": "A plain greeting was stopped, so choose another model.",
    "malformed": "Is the address the base of an API? It usually ends in /v1.",
    "overloaded": "That is often over soon: test it again in a few minutes.",
    "rate_limited": "Test it again in a minute. A new account may have to buy credit"
    " first.",
    "timed_out": f"It had {CALL_SECONDS} seconds. A large model may still be loading:"
    " test it again in a minute.",
    "too_long": "There is no room for a greeting, so choose another model.",
}


def of_failure(service: Service, failure: CallFailed, kind: str) -> str:
    """What failed, by `kind`, whatever was asked for."""
    if kind == "unreachable":
        return _unreachable(service, failure)
    if kind == "key_refused":
        page = service.provider.key_page
        where = f" at {page}" if page else ""
        return (
            f"{failure.message} Copy the whole key again{where}, and look whether the"
            " account has credit and may use this model."
        )
    return f"{failure.message} {_NEXT.get(kind, '')}".strip()


def _unreachable(service: Service, failure: CallFailed) -> str:
    """What was tried and where to look; nothing of what was found there."""
    if failure.message not in (MESSAGES["unreachable"], MESSAGES["timed_out"]):
        return failure.message  # our own guard's
    words = [f"{host_and_port(service.address)} cannot be reached."]
    if is_loopback(service.address):
        words.append("That is the machine this site runs on.")
    if service.provider.key == "ollama":
        words.append(
            "Is Ollama running? On another machine it answers only when it was started"
            " with OLLAMA_HOST=0.0.0.0, and here its address has to be in"
            " LLM_PRIVATE_HOSTS as host:port."
        )
    else:
        words.append("Look whether the address is right and the service is running.")
    return " ".join(words)


def of_call(
    service: Service, failure: CallFailed, *, model: str, models: list[str] | None
) -> str:
    """Why the plain call failed."""
    if failure.kind != "no_model":
        return of_failure(service, failure, failure.kind)
    if not models:
        return (
            f"There is no model {model} at this address, or the address is wrong: it is"
            " the base of an API and usually ends in /v1."
        )
    near = difflib.get_close_matches(model, models, n=5, cutoff=0.3)
    words = f"There is no model {model} at this address."
    if service.provider.key == "ollama":
        words += f" Fetch it there with: ollama pull {model}."
    return f"{words} It has {', '.join(near or sorted(models)[:5])}."


def of_stream(service: Service, failure: CallFailed, seconds: float) -> str:
    """Why the streamed call failed after the plain one was answered."""
    reason = of_failure(service, failure, failure.kind)
    if failure.kind == "rate_limited":
        return f"The model answered in {seconds:.1f} s, but not a second time. {reason}"
    return (
        f"The model answers in one piece, after {seconds:.1f} s, but not word by word,"
        f" which replies need. {failure.message} Is there a proxy in front that holds"
        " answers back, or a setting for streaming? Without either, choose another model."
    )


def of_success(
    seconds: float, sample: str, model: str, models: list[str] | None
) -> str:
    """How quickly it answered, with what, and whether the name is in the list."""
    words = f"It works: the model answered in {seconds:.1f} s, and word by word too"
    words += f": “{sample}”" if sample else "."
    if models and names_model(models, model):
        return f"{words} It is in the provider's list."
    if models:
        return f"{words} The provider's list does not have {model}: it is unverified."
    return f"{words} Without a list of models, the name {model} is unverified."


def sample(text: str, *, key: str) -> str:
    """The beginning of an answer as plain words; blank if there is a piece of `key` in it."""
    said = one_line(plain_text(text[: 10 * _SAMPLE_CHARS]))
    if any(_repeats(f"{text} {said}", spelling) for spelling in spellings_of(key)):
        return ""
    return f"{said[:_SAMPLE_CHARS].rstrip()}…" if len(said) > _SAMPLE_CHARS else said


def _repeats(text: str, key: str) -> bool:
    """Whether `text` has a run of `key` in it, whatever signs stand between the letters."""
    bare, bare_key = (re.sub(r"[\W_]+", "", it).lower() for it in (text, key))
    length = min(_KEY_RUN, len(bare_key))
    starts = range(len(bare_key) - length + 1) if length else range(0)
    return any(bare_key[at : at + length] in bare for at in starts)
