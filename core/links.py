"""Which addresses in a text become links, and where these lead."""

import re
from urllib.parse import urlsplit

from django.conf import settings
from markdown_it.rules_inline import StateInline

SCHEMES = frozenset(("http", "https", "mailto"))


def is_allowed_address(address: str) -> bool:
    """Whether a link may lead to `address`, as a browser would read it."""
    try:
        parts = urlsplit(address)
        if parts.scheme not in ("", *SCHEMES) or parts.port == 0:
            return False
    except ValueError:  # a broken port or IPv6 address
        return False
    if "%" in (parts.hostname or ""):  # browsers decode it into another host, or fail
        return False
    # Browsers read `https:a.example` and `///a.example` as `https://a.example`.
    needs_host = parts.scheme in ("http", "https") or address.startswith("//")
    return bool(parts.hostname) or not needs_host


def foreign_host(address: str) -> str:
    """The host that `address` leads to; empty if that is this site or no host at all."""
    host = urlsplit(address).netloc.rpartition("@")[2].lower()
    return "" if host == urlsplit(settings.SITE_URL).netloc else host


_SCHEME = re.compile(r"(?:^|[^A-Za-z0-9+.-])(https?)$", re.IGNORECASE)
# What a bare address does not contain: it ends there.
_NOT_IN_ADDRESS = r"\s<>\"`\\^{|}\u00ab\u00bb\u2018-\u201f\u3000-\u303f\uff00-\uffef"
_REST = re.compile(rf"://(?=[\w\[])[^{_NOT_IN_ADDRESS}]++")
_MAX_ADDRESS = 2_000
_HOST_ENCODED = re.compile(r"\w+://(?:[^/?#]*@)?[^/?#@]*%")
_BRACKETS = {")": "(", "]": "["}


def link_bare_address(state: StateInline, silent: bool) -> bool:
    """Make a link of `https://` and what follows; the parser calls it at each colon."""
    scheme = _SCHEME.search(state.pending[-6:])
    if state.linkLevel or not scheme or _is_in_refused_run(state):
        return False
    rest = _REST.match(state.src, state.pos, state.posMax)
    if not rest:
        return False
    address = scheme[1] + _without_ending(rest[0])
    target = _target(state, address)
    if not target:
        # One run can hold hundreds of colons; it is looked at once.
        state.env["refused"] = (state.src, *rest.span())
        return False
    if not silent:
        state.pending = state.pending.removesuffix(scheme[1])
        state.push("link_open", "a", 1).attrs = {"href": target}
        state.push("text", "", 0).content = state.md.normalizeLinkText(address)
        state.push("link_close", "a", -1)
    state.pos += len(address) - len(scheme[1])
    return True


def _target(state: StateInline, address: str) -> str:
    """Where a bare `address` leads, empty if it may lead nowhere."""
    # Both first, because making an address of the worst text takes long.
    if len(address) > _MAX_ADDRESS or _HOST_ENCODED.match(address):
        return ""
    target = state.md.normalizeLink(address)
    return target if state.md.validateLink(target) else ""


def _is_in_refused_run(state: StateInline) -> bool:
    text, begin, end = state.env.get("refused", ("", 0, 0))
    return text is state.src and begin <= state.pos < end


def _without_ending(address: str) -> str:
    """`address` without the signs at its end that belong to the sentence around it."""
    end = len(address)
    while end and (
        address[end - 1] in ".,:;!?'*_~"
        or _closes_nothing(address[end - 1], address[:end])
    ):
        end -= 1
    return address[:end]


def _closes_nothing(sign: str, text: str) -> bool:
    return sign in _BRACKETS and text.count(sign) > text.count(_BRACKETS[sign])
