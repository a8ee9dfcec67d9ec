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
]
