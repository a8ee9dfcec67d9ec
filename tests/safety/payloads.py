"""Texts that attack whatever shows them: a public corpus, our own, and combinations.

`corpora/blns.txt` is the Big List of Naughty Strings, under the MIT licence beside it.
"""

from itertools import product
from pathlib import Path

from core.tests.payloads import PAYLOADS as OWN

_CORPUS = Path(__file__).parent / "corpora" / "blns.txt"

_TAGS = "img svg iframe video details input a style math object body marquee".split()
_HANDLERS = "onerror=alert(1) onload=alert`1` onfocus=alert(1)//".split()
_BREAKERS = ("", '">', "'>", "</title>", "-->", "]]>", "</textarea>")
_SCHEMES = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "java&#10;script:alert(1)",
    "javascript&colon;alert(1)",
    "&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;alert(1)",
    "\x01javascript:alert(1)",
    "vbscript:x",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml;base64,PHN2Zy8+",
    "//evil.example/x",
    "blob:https://evil.example/x",
    "file:///etc/passwd",
    "ftp://evil.example/",
    "view-source:x",
    "%6Aavascript:alert(1)",
    "feed:javascript:alert(1)",
    "about:blank",
)
_LINKS = ("[x]({})", "![x]({})", "<{}>", "[x][y]\n\n[y]: {}", '<a href="{}">x</a>')


def naughty_strings() -> list[str]:
    """The corpus without its comments."""
    lines = _CORPUS.read_text(encoding="utf-8").split("\n")
    return [line for line in lines if line and not line.startswith("#")]


def combinations() -> list[str]:
    """Tags, handlers, ways out of a context, and addresses, each with each."""
    tags = [
        f"{breaker}<{tag} {handler} src=x id=main name=posts class=kind style=color:red>"
        for breaker, tag, handler in product(_BREAKERS, _TAGS, _HANDLERS)
    ]
    links = [link.format(address) for link, address in product(_LINKS, _SCHEMES)]
    return tags + links


PAYLOADS = tuple(dict.fromkeys([*naughty_strings(), *OWN, *combinations()]))
