"""Looking at pages as a browser's parser does."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import html5lib

_URL_ATTRIBUTES = (
    "href src action formaction data poster srcset background cite ping manifest"
    " xlink:href hx-get hx-post"
).split()


def parse(html: str) -> Any:
    """The document's tree."""
    return html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False)


def elements(root: Any) -> Iterator[Any]:
    """Every element below `root`, comments left out."""
    return (element for element in root.iter() if isinstance(element.tag, str))


def active_content(root: Any) -> list[str]:
    """What would run or style by itself, which our Content-Security-Policy forbids."""
    found = []
    for element in elements(root):
        if element.tag == "style" or (
            element.tag == "script" and not element.attrib.get("src")
        ):
            found.append(f"<{element.tag}>")
        for name, value in element.attrib.items():
            if name == "style" or str(name).startswith(("on", "hx-on")):
                found.append(f"<{element.tag} {name}>")
            if name in _URL_ATTRIBUTES and not is_plain_address(value):
                found.append(f"<{element.tag} {name}={value}>")
    return found


def is_plain_address(value: str) -> bool:
    """Whether an address can only lead to a page, and not run anything."""
    bare = "".join(sign for sign in value if sign > " ")
    try:
        return urlsplit(bare).scheme in ("", "http", "https", "mailto")
    except ValueError:  # a broken host, such as in `http://[`
        return bare.lower().startswith(("http:", "https:"))


def shape(element: Any, *, but: str = "") -> list[tuple[str, tuple[str, ...]]]:
    """The elements below `element` with the names of their attributes, in order.

    Two texts that are shown as text give one shape. What has the class `but` is
    counted without what is in it.
    """
    if not isinstance(element.tag, str):
        return []
    found = [(element.tag, tuple(sorted(map(str, element.attrib))))]
    if but and but in element.attrib.get("class", "").split():
        return found
    for child in element:
        found += shape(child, but=but)
    return found


def with_class(root: Any, name: str) -> list[Any]:
    """The elements with this class, in order."""
    return [
        element
        for element in elements(root)
        if name in element.attrib.get("class", "").split()
    ]


def named(root: Any) -> set[str]:
    """Every `id` and `name` in the page."""
    return {
        element.attrib[attribute]
        for element in elements(root)
        for attribute in ("id", "name")
        if attribute in element.attrib
    }
