"""What is seen of a persona before it speaks: its name, its emoji, its tags."""

import re
import unicodedata
from collections.abc import Iterable

from core import markup
from core.handles import MAX_LENGTH
from personas.errors import EmojiRefused, NameNeeded, TagsRefused

# What a draft changes beside the definition, as pages call it.
LABELS = {"name": "Name", "avatar": "Emoji", "avatar_image": "Picture", "tags": "Tags"}

MOST_TAGS = 8
MOST_TAG_CHARS = 30
SUGGESTED_TAGS = ("character", "department", "domain", "specialist")
_MOST_EMOJI_CHARS = 16
_TAG = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_BETWEEN = re.compile(r"[\s_-]+")


def check_name(text: str) -> str:
    """`text` as a name can be stored; raises NameNeeded. Whose it is, is not looked at."""
    name = markup.one_line(text)
    if markup.is_blank(name) or len(name) > markup.MOST_NAME_CHARS:
        raise NameNeeded
    if frame := markup.frame_in(name):
        raise NameNeeded(f"{frame} cannot stand in a name; models take it for a sign.")
    return name


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


def propose_handle(name: str) -> str:
    """A handle made from the name, empty if none can be; may be taken or reserved."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", plain.lower())
    handle = "-".join(words).lstrip("-0123456789")[:MAX_LENGTH].strip("-")
    return handle if len(handle) > 1 else ""
