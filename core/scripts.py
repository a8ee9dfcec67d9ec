"""Which letters a shown name may have, so that it reads as what it is.

Letters of most scripts are drawn like Latin ones somewhere. Names keep to scripts that
people write in today, and each word to one of them; what then still looks like Latin is
folded by `core.handles.skeleton`.
"""

import re
import unicodedata
from collections.abc import Iterator

# The first word of a letter's Unicode name.
_LIVING = frozenset(
    "LATIN GREEK CYRILLIC ARMENIAN GEORGIAN HEBREW ARABIC SYRIAC THAANA ETHIOPIC"
    " DEVANAGARI BENGALI GURMUKHI GUJARATI ORIYA TAMIL TELUGU KANNADA MALAYALAM SINHALA"
    " THAI LAO TIBETAN MYANMAR KHMER MONGOLIAN HANGUL HIRAGANA KATAKANA"
    " KATAKANA-HIRAGANA BOPOMOFO CJK IDEOGRAPHIC".split()
)
# Written together in one word, and like no Latin letter.
_EAST_ASIAN = frozenset(
    "HANGUL HIRAGANA KATAKANA KATAKANA-HIRAGANA BOPOMOFO CJK IDEOGRAPHIC".split()
)
# Latin letters of languages; the other ones are phonetic signs and small capitals.
_LATIN = re.compile("[A-Za-z\u00aa-\u024f\u1e00-\u1eff\u02bb\u02bcɓɖɗəɛɣɨɩɔʃʉʊʋʌʒʔ]")
_BETWEEN_WORDS = re.compile(r"[\s\-/()&,|]+")


# Accents, vowels and tones one upon another; more of them reach over what stands around.
_MOST_MARKS = 4


def is_readable(name: str) -> bool:
    """Whether every word of `name` is in the letters of one living script, not piled up."""
    plain = unicodedata.normalize("NFKC", name)
    words = _BETWEEN_WORDS.split(plain)
    return not _is_piled_up(plain) and all(_is_readable_word(word) for word in words)


def _is_piled_up(name: str) -> bool:
    marks = ("+" if unicodedata.category(it) in ("Mn", "Me") else " " for it in name)
    return "+" * (_MOST_MARKS + 1) in "".join(marks)


def _is_readable_word(word: str) -> bool:
    scripts = set(_scripts(word))
    if not scripts <= _LIVING:
        return False
    return len(scripts - _EAST_ASIAN) <= 1 and (
        scripts <= _EAST_ASIAN | {"LATIN"} or not scripts & _EAST_ASIAN
    )


def _scripts(word: str) -> Iterator[str]:
    for sign in word:
        title = unicodedata.name(sign, "NONE")
        script = title.split()[0]
        if unicodedata.category(sign)[0] == "L":
            is_odd = script == "LATIN" and not _LATIN.match(sign)
            yield "ODD" if is_odd or title.endswith("FILLER") else script
        elif unicodedata.category(sign)[0] == "N" and not sign.isascii():
            yield script
        elif " LATIN " in title:  # a letter in a box or a circle
            yield "ODD"
