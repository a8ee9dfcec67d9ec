"""The only place where text becomes HTML. Everything people and models write passes here.

Markdown is parsed without raw HTML, rebuilt (bare addresses and images become links, links
to other hosts are marked, headings sink below the page's own), and then checked by a
sanitiser against a list of what is allowed. Post html is made once, on save, by `render`.
"""

import re
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType

from core.errors import ForllmError
from core.invisible import ONE_EMOJI, without_invisible
from core.links import SCHEMES, foreign_host, is_allowed_address, link_bare_address

# Raise it whenever `render` gives other HTML for the same text; then `render_posts`.
RENDER_VERSION = 4

# Markup can say much in few letters; this is what twenty posts may weigh in one page.
MAX_HTML_CHARS = 200_000
_MAX_COLUMNS = 20
_MAX_CELLS = 2_000
_CUT = "<p><em>The rest of this text is too much to show.</em></p>\n"

# Long texts can take a second. Only so many at a time, so that pages go on beside them.
_LONG = 5_000
_long_renders = threading.BoundedSemaphore(2)

_TAGS = frozenset(
    "a blockquote br code div em h3 h4 h5 h6 hr li ol p pre s span strong"
    " table tbody td th thead tr ul".split()
)
_ATTRIBUTES = {"a": {"href", "rel"}, "ol": {"start"}}
_CLASSES = {
    "div": {"scroll"},
    "span": {"host"},
    "td": {"center", "right"},
    "th": {"center", "right"},
}
_HEADINGS = {"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6", "h6": "h6"}
_ALIGNMENTS = {"text-align:center": "center", "text-align:right": "right"}
_FOREIGN_REL = "nofollow ugc noopener"

# What servers of models take for the frame of a conversation and not for text.
_FRAME = re.compile(
    r"<[|｜][^<>|｜\n]{1,60}[|｜]>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS)\]"
    r"|<</?SYS>>|</?s>|<(?:bos|eos|(?:start|end)_of_turn)>",
    re.IGNORECASE,
)
_BROKEN = {"<": "&lt;", "[": "&#91;"}


class TooMuchMarkup(ForllmError):
    """The text becomes more HTML than a page should carry."""

    message = (
        "This text has so much markup that it makes a page too heavy."
        " Please use less of it, or split the text."
    )


def render(text: str) -> str:
    """Markdown as HTML that is safe in any of our pages, the same for every reader.

    What would be more than MAX_HTML_CHARS is cut, and says so.
    """
    html = _render(text)
    if len(html) <= MAX_HTML_CHARS:
        return html
    while len(html) > MAX_HTML_CHARS:
        text = text[: min(len(text) // 2, len(text) * MAX_HTML_CHARS // len(html))]
        html = _render(text)
    return html + _CUT


def render_whole(text: str) -> str:
    """`render` for what somebody is writing: raises TooMuchMarkup instead of cutting."""
    html = _render(text)
    if len(html) > MAX_HTML_CHARS:
        raise TooMuchMarkup
    return html


def _render(text: str) -> str:
    if len(text) <= _LONG:
        return _html(text)
    with _long_renders:
        return _html(text)


def _html(text: str) -> str:
    html = _cleaner().clean(_parser().render(clean_text(text)))
    # Once more, for what was written as an entity, such as `&#8203;`.
    return without_invisible(html)


def stored(html: str) -> SafeString:
    """HTML that `render` made earlier, marked so that a template prints it as it is."""
    return mark_safe(html)  # noqa: S308  # the one place, for output of `render` only


def plain_text(text: str) -> str:
    """The words of a Markdown text in one line, for excerpts and titles; not HTML."""
    words = "".join(_words(_parser().parse(clean_text(text))))
    return without_invisible(" ".join(words.split()))


_EMPTY_SYMBOLS = "\u2800\U0001d159"  # a Braille cell without dots, a null notehead
_NEWLINES = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")


def clean_text(text: str) -> str:
    """`text` with plain newlines and without characters that nobody can see.

    Removed: controls, lone surrogates, zero-width and bidi characters, soft hyphens, tag
    characters, variation selectors. Kept: what holds an emoji together, and single
    joiners between letters of scripts that need them. Every text of a person or a model
    passes here before it is stored.
    """
    return without_invisible(_NEWLINES.sub("\n", text))


# What people call a thing: a persona, a group, an identity.
MOST_NAME_CHARS = 60


def one_line(text: str) -> str:
    """`clean_text` for names and titles: one line, single spaces, nothing around them."""
    return " ".join(clean_text(text).split())


def is_blank(text: str) -> bool:
    """Whether there is nothing to see in a text that `clean_text` has made."""
    return not any(
        unicodedata.category(sign)[0] in "LNPS" and sign not in _EMPTY_SYMBOLS
        for sign in text
    )


def is_emoji(text: str) -> bool:
    """Whether `text`, made by `clean_text`, is one emoji: a sign, a sequence, a flag."""
    is_letter = any(unicodedata.category(sign)[0] == "L" for sign in text)
    return bool(ONE_EMOJI.fullmatch(text)) and not is_letter


@cache
def _parser() -> MarkdownIt:
    # What is nested deeper than 50 is cut; the worst text's time grows with this number.
    parser = MarkdownIt("js-default", {"html": False, "maxNesting": 50})
    parser.inline = _InlineParser()
    parser.validateLink = is_allowed_address  # type: ignore[assignment,method-assign]
    parser.core.ruler.push("forum", _rebuild)
    # The parser's own rule takes seconds for a post full of `://`, and needs a package.
    parser.inline.ruler.at("linkify", link_bare_address)
    parser.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    return parser


class _InlineParser(ParserInline):
    """Parses no image's label: it is shown as written, and images nest."""

    def parse(
        self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]
    ) -> list[Token]:
        if env.get("is_inside"):
            tokens.append(_text(src))
            return tokens
        env["is_inside"] = True
        try:
            return super().parse(src, md, env, tokens)
        finally:
            env["is_inside"] = False


def _table(state: StateBlock, line: int, end: int, silent: bool) -> bool:
    """The parser's rule for tables of a sensible size; what is beyond it stays text."""
    if line + 2 > end:
        return False
    dashes = state.src[state.bMarks[line + 1] : state.eMarks[line + 1]]
    columns = dashes.strip(" \t|").count("|") + 1
    if columns > _MAX_COLUMNS:
        return False
    return table(state, line, min(end, line + 1 + _MAX_CELLS // columns), silent)


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=_TAGS,
        clean_content_tags=set(),
        attributes=_ATTRIBUTES,
        allowed_classes=_CLASSES,
        set_tag_attribute_values={"pre": {"tabindex": "0"}, "div": {"tabindex": "0"}},
        url_schemes=SCHEMES,
        link_rel=None,
    )


def _rebuild(state: StateCore) -> None:
    """Bring the parsed text into the forum's form, before it becomes HTML."""
    tokens = []
    for token in state.tokens:
        token.tag = _HEADINGS.get(token.tag, token.tag)
        token.attrs = _allowed_attributes(token)
        if token.type == "inline":
            token.children = list(_rebuild_inline(token.children or []))
        if token.type == "table_open":
            tokens.append(Token("div_open", "div", 1, attrs={"class": "scroll"}))
        tokens.append(token)
        if token.type == "table_close":
            tokens.append(Token("div_close", "div", -1))
    state.tokens = tokens


def _allowed_attributes(token: Token) -> dict[str, str | int | float]:
    alignment = _ALIGNMENTS.get(str(token.attrs.get("style", "")))
    kept = {name: token.attrs[name] for name in ("start",) if name in token.attrs}
    return kept | ({"class": alignment} if alignment else {})


def _rebuild_inline(tokens: Sequence[Token]) -> Iterator[Token]:
    opened = None  # the token that opened the link we are in
    shown = ""  # the words of that link
    for token in tokens:
        if token.type == "link_open":
            opened, shown = token, ""
            yield _link(str(token.attrs["href"]))
        elif token.type == "link_close" and opened:
            yield token
            yield from _host_marker(str(opened.attrs["href"]), shown)
            opened = None
        elif token.type == "image":
            yield from _image_as_link(token, in_link=opened is not None)
        else:
            shown += token.content
            yield token


def _link(address: str) -> Token:
    attrs: dict[str, str | int | float] = {"href": address}
    if foreign_host(address):
        attrs["rel"] = _FOREIGN_REL
    return Token("link_open", "a", 1, attrs=attrs)


def _host_marker(address: str, shown: str) -> Iterator[Token]:
    """The host after a link to elsewhere, unless the link's words are its address."""
    host = foreign_host(address)
    if not host or f"{shown}/".startswith((f"http://{host}/", f"https://{host}/")):
        return
    yield _text(" ")
    yield Token("span_open", "span", 1, attrs={"class": "host"})
    yield _text(host)
    yield Token("span_close", "span", -1)


def _image_as_link(image: Token, *, in_link: bool) -> Iterator[Token]:
    """No image is ever loaded from a post: readers would tell its host that they read."""
    words = _text(f"image: {image.content or 'without a title'}")
    if in_link:
        yield words
        return
    address = str(image.attrs["src"])
    yield _link(address)
    yield words
    yield Token("link_close", "a", -1)
    yield from _host_marker(address, "")


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _words(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.children:
            yield from _words(token.children)
        elif token.type in ("text", "code_inline"):
            yield token.content
        elif token.type in ("fence", "code_block"):
            yield f"{token.content} "
        elif token.block or token.type in ("softbreak", "hardbreak"):
            yield " "


def frame_in(text: str) -> str:
    """The first thing in `text` that a model could take for the end of a message; or ""."""
    found = _FRAME.search(text)
    return found[0] if found else ""


def without_frames(text: str) -> str:
    """`text` with those broken, so that a model reads them as text, and people as well."""
    return _FRAME.sub(lambda found: _BROKEN[found[0][0]] + found[0][1:], text)
