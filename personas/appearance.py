"""What is seen of a persona before it speaks: its name, its emoji, its tags."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import islice

from core import markup
from core.handles import MAX_LENGTH
from personas.errors import EmojiRefused, NameNeeded, TagsRefused

# What a draft changes beside the definition, as pages call it.
LABELS = {"name": "Name", "avatar": "Emoji", "avatar_image": "Picture", "tags": "Tags"}

MOST_TAGS = 8
MOST_TAG_CHARS = 30
# What a persona can be, each a tag and a view of the catalogue; members add tags of their own.
KINDS = {
    "character": "Characters",
    "department": "Departments",
    "domain": "Domains",
    "specialist": "Specialists",
}
_MOST_EMOJI_CHARS = 16
_TAG = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_BETWEEN = re.compile(r"[\s_-]+")
_NO_LETTERS = re.compile(r"[\W_]+")


def check_name(text: str) -> str:
    """`text` as a name can be stored; raises NameNeeded. Whose it is, is not looked at."""
    name = markup.one_line(text)
    if markup.is_blank(name) or len(name) > markup.MOST_NAME_CHARS:
        raise NameNeeded
    if frame := markup.frame_in(name):
        raise NameNeeded(f"{frame} cannot stand in a name; models take it for a sign.")
    return name


def fitting_name(text: str) -> str:
    """As much of a stranger's `text` as a name may have; empty if nothing is to be seen."""
    most = markup.MOST_NAME_CHARS
    line = markup.one_line(text[: 4 * most])[:most].strip()
    return "" if markup.is_blank(line) else line


def check_emoji(text: str) -> str:
    """`text` if it is one emoji or nothing; raises EmojiRefused."""
    emoji = markup.one_line(text)
    if emoji and not (len(emoji) <= _MOST_EMOJI_CHARS and markup.is_emoji(emoji)):
        raise EmojiRefused
    return emoji


def check_tags(words: Iterable[str]) -> list[str]:
    """The tags in their one form, small letters joined by -, each once, in their order.

    Raises TagsRefused.
    """
    tags = [_BETWEEN.sub("-", markup.one_line(word).casefold()) for word in words]
    tags = list(dict.fromkeys(tag.strip("-#") for tag in tags))
    tags = [tag for tag in tags if tag]
    if len(tags) > MOST_TAGS:
        raise TagsRefused(f"These are {len(tags)} tags; at most {MOST_TAGS} fit.")
    for tag in tags:
        if len(tag) > MOST_TAG_CHARS or not _TAG.fullmatch(tag):
            raise TagsRefused(
                f"A tag has letters, digits and -, and at most {MOST_TAG_CHARS} of them:"
                f" {tag[:MOST_TAG_CHARS]}"
            )
    return tags


def fitting_tags(words: Iterable[str]) -> list[str]:
    """Those of a stranger's words that make tags, as many as fit; nothing is refused."""
    tags = (fitting_tag(word) for word in islice(words, 100))
    kept = dict.fromkeys(tag for tag in tags if 0 < len(tag) <= MOST_TAG_CHARS)
    return list(kept)[:MOST_TAGS]


def fitting_tag(word: str) -> str:
    """The word as a tag, whatever signs it has; may be empty or too long."""
    small = markup.one_line(word[: 4 * MOST_TAG_CHARS]).casefold()
    return _NO_LETTERS.sub("-", small).strip("-")


def propose_handle(name: str) -> str:
    """A handle made from the name, empty if none can be; may be taken or reserved."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", plain.lower())
    handle = "-".join(words).lstrip("-0123456789")[:MAX_LENGTH].strip("-")
    return handle if len(handle) > 1 else ""
