"""Characters nobody sees, and those among them that hold an emoji or a word together."""

import re

# Characters nobody sees. Some carry hidden text to a model, some reorder what is read.
_INVISIBLE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_EMOJI = (
    "[\xa9\xae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe"
    "\u2600-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001faff][\ufe0f\U0001f3fb-\U0001f3ff]?"
)
# Scripts in which joiners change how letters are written: Arabic, Syriac, the Indic ones.
_JOINING = (
    "[\u0600-\u07bf\u0860-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u17ff\u1800-\u18af]"
)
_KEPT_OR_INVISIBLE = re.compile(
    "(?P<kept>"
    # Sequences of emoji, keycaps, and the flags of England, Scotland and Wales.
    "\U0001f3f4\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|"
    "\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073)\U000e007f"
    f"|{_EMOJI}(?:\u200d{_EMOJI})*"
    "|[0-9#*]\ufe0f\u20e3"
    f"|(?<={_JOINING})[\u200c\u200d](?={_JOINING}|$|\\s))"
    f"|[{_INVISIBLE}]+"
)
ONE_EMOJI = re.compile(
    "\U0001f3f4[\U000e0020-\U000e007f]{3,6}|[\U0001f1e6-\U0001f1ff]{2}"
    f"|{_EMOJI}(?:\u200d{_EMOJI})*|[0-9#*]\ufe0f\u20e3"
)


def without_invisible(text: str) -> str:
    """`text` without them; see `core.markup.clean_text`."""
    return _KEPT_OR_INVISIBLE.sub(lambda match: match["kept"] or "", text)
