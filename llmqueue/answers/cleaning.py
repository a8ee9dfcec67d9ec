"""Cleaning what a model wrote, before it is shown, judged or kept."""

import re

from core.encryption import can_be_secret, spellings_of
from core.markup import clean_text

# Hidden reasoning that some servers leave in the text; an unclosed block runs to the end.
_THOUGHTS = re.compile(
    r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.IGNORECASE | re.DOTALL
)
# Fewer characters of a key than this tell nothing; "sk-" ends many a sentence about keys.
_TELLING_CHARS = 6
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*(?=\s|\Z)")


def clean_answer(text: str, *, name: str, tag: str) -> str:
    """`text` without control characters, reasoning, our tags or a leading own name.

    Works on an answer that is still growing too: what is cut later was provisional.
    """
    text = _THOUGHTS.sub("", clean_text(text))
    text = re.sub(rf"</?{re.escape(tag)}\b[^>\n]*>?", "", text, flags=re.IGNORECASE)
    text = text.lstrip()
    prefix = re.compile(rf"(?:\*\*)?{re.escape(name)}(?:\*\*)?\s*:(?:\*\*)?\s+", re.I)
    return prefix.sub("", text, count=1) if prefix.match(text) else text


def without_secret(text: str, secret: str) -> str:
    """`text` without `secret`, should a server repeat the key it was called with.

    A key that is an ordinary word stays: without it, replies could not be read.
    """
    if can_be_secret(secret):
        for spelling in spellings_of(secret):
            text = text.replace(spelling, "[removed]")
    return text


def without_secret_so_far(text: str, secret: str) -> str:
    """As `without_secret`, for a text that still grows.

    Also without a beginning of the secret at the very end, which may be about to grow.
    """
    if not can_be_secret(secret):
        return text
    text = without_secret(text, secret)
    return min((_without_end(text, it) for it in spellings_of(secret)), key=len)


def _without_end(text: str, secret: str) -> str:
    for length in range(min(len(secret) - 1, len(text)), _TELLING_CHARS - 1, -1):
        if text.endswith(secret[:length]):
            return text[:-length]
    return text


def whole_sentences(text: str) -> str:
    """`text` up to its last full sentence, or all of it when it has none."""
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    return text[: ends[-1]] if ends else text
