"""JSON from strangers: read within bounds, or refused with a sentence that says why."""

import json
import math
import re
from typing import Any, NoReturn

from core.errors import ForllmError

MOST_BYTES = 1024 * 1024
MOST_DEPTH = 100
MOST_PARTS = 100_000
MOST_DIGITS = 400

# What stands between two signs is taken whole, strings too, whether they are closed or
# not: no letter is looked at twice.
_SIGN = re.compile(
    r'(?:[^"\[\]{},]++|"(?:[^"\\]++|\\.)*+"?+)*+([\[\]{},]|\Z)', re.DOTALL
)

_LONE = re.compile("[\ud800-\udfff]")


class JsonRefused(ForllmError):
    """The text is no JSON, or more of it than is read here."""


def parse(data: bytes) -> Any:
    """The value that `data` says, with every number as it was given.

    Lone surrogates in escapes are kept. Raises JsonRefused, for what JSON does not know
    (NaN, infinities, a key twice) as for what is too large, too deep or too long.
    """
    if len(data) > MOST_BYTES:
        raise JsonRefused("This is more than 1 MiB of JSON.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise JsonRefused("This is not text in UTF-8.") from None
    _check_shape(text)
    try:
        return json.loads(
            text,
            parse_int=_int,
            parse_float=_float,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        raise JsonRefused(
            f"This is not JSON: line {error.lineno}, column {error.colno}: {error.msg}."
        ) from None


def to_ascii(value: Any) -> str:
    """`value` as text of ASCII, which `parse` reads as the same value.

    PostgreSQL's text holds it whatever is in it; its own JSON type has no NUL and no lone
    surrogates.
    """
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def to_bytes(value: Any, *, indent: int | None = None) -> bytes:
    """`value` as UTF-8 for a file: shorter for most languages, and people can read it."""
    text = json.dumps(
        value,
        allow_nan=False,
        ensure_ascii=False,
        indent=indent,
        separators=(",", ":") if indent is None else None,
    )
    # They stand in strings only, so an escape says the same.
    return _LONE.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode()


def _check_shape(text: str) -> None:
    """Python's reader fails at depth in ways of its own, and builds all before we can look."""
    depth = parts = 0
    for match in _SIGN.finditer(text):
        sign = match[1]
        depth += sign in ("[", "{")
        depth -= sign in ("]", "}")
        parts += sign in ("[", "{", ",")
        if depth > MOST_DEPTH:
            raise JsonRefused(f"This is nested more than {MOST_DEPTH} deep.")
        if parts > MOST_PARTS:
            raise JsonRefused(f"This has more than {MOST_PARTS:,} parts.")


def _int(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise JsonRefused(f"A number here has {len(digits):,} digits.")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits) if len(digits) <= MOST_DIGITS else math.inf
    if math.isinf(number):
        raise JsonRefused("A number here is too large or too long.")
    return number


def _constant(name: str) -> NoReturn:
    raise JsonRefused(f"{name} is no number in JSON.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise JsonRefused("An object here has the same key twice.")
    return found
