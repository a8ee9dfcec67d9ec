"""Attacks on whatever makes HTML of text, and the places in Markdown to try them in."""

from pathlib import Path

# One a line.
PAYLOADS = tuple(
    Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines()
)

# Where in a text a payload may stand.
POSITIONS = (
    "{}",
    "words {} words",
    "[words]({})",
    "[{}](https://other.example/)",
    "![words]({})",
    "![{}](x.png)",
    '[words](https://other.example/ "{}")',
    "[words][r]\n\n[r]: {}",
    "<{}>",
    "`{}`",
    "```{}\nwords\n```",
    "```\n{}\n```",
    "> {}",
    "- {}\n  1. {}",
    "| a | b |\n|---|:-:|\n| {} | {} |",
    "# {}",
    "**{}** _{}_ ~~{}~~",
    "words\\{}",
    "    {}",
)

# Texts that make careless parsers slow; benchmarks/markup.py measures them.
PATHOLOGICAL = [
    "[a",
    "[ a_",
    "[[[[a]]]]",
    ">",
    "*a",
    "**a*_",
    "`a",
    "``a`",
    "<a",
    "<!--",
    "![",
    "![a](",
    "|a|b\n|-|-|\n",
    "|",
    "- ",
    "a\n",
    "&#x0;",
    "&amp",
    "\\[",
    "[a](b",
    "](",
    "1. a\n   - ",
    "\u200b",
    "👩\u200d",
    "_a __b ",
    "[a]: b\n",
    "~~a",
    "<http:",
    "# ",
    "***",
    "a**b",
    "[a](<b",
    "[a][b]",
    "    a\n",
    "> - > - ",
    "http://",
    "http://a.b ",
    "http://a.b/",
    "http://a.b/(",
    "http://a.b/[{",
    "http://a.b/?\"'",
    "https://a@",
    "https://a:",
    "https://1.",
    "https://xn--a.b/ ",
    "*http://a.b*",
    "://",
    "a://",
    "//a.b ",
    "http://)",
    "http://a))]",
    "http://a_*",
]

_BAD_ADDRESSES = ("https://é%/" * 200)[:1_990]

# The same in depth, as (before, repeated, after): the middle is read once, not at each
# depth, and a refused address not at each of its colons.
DEEP = [
    ("![" * 45, "*a_", "](x)" * 45),
    ("![" * 45, f"{_BAD_ADDRESSES[:180]} ", "](x)" * 45),
    ("", f"[{_BAD_ADDRESSES} ", ""),
]


def deep_text(before: str, repeated: str, after: str, length: int) -> str:
    """One of DEEP, `length` characters long."""
    room = length - len(before) - len(after)
    return before + (repeated * room)[:room] + after
