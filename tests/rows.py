"""Which rows of the lists in `rows.txt` no test names: `python -m tests.rows`.

Tests name rows with `@pytest.mark.requirement("F-24")` and `@pytest.mark.fault("F02")`.
The marks are read from the source, so this needs neither pytest nor a database.
"""

import ast
import re
import sys
import textwrap
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
LISTS = PROJECT / "tests" / "rows.txt"
MARKS = ("requirement", "fault")
_ROW = re.compile(r"[A-Z]+(?:-[A-Z]+)?-?\d+")


@dataclass(frozen=True)
class Mark:
    """One id that a mark names, and where; "?" stands for what is not plain text."""

    row: str
    place: str


def read_groups(text: str) -> dict[str, list[str]]:
    """The ids of `rows.txt` by the title of their group."""
    groups: dict[str, list[str]] = {}
    title = ""
    for line in text.splitlines():
        if line.startswith("## "):
            title = line.removeprefix("## ")
        elif line and not line.startswith("#"):
            row = line.split(maxsplit=1)[0]
            if not _ROW.fullmatch(row):
                raise ValueError(f"{LISTS.name}: {line!r} begins with no id")
            groups.setdefault(title, []).append(row)
    return groups


def find_marks(source: str, name: str) -> Iterator[Mark]:
    """Every id that a `pytest.mark.requirement` or `.fault` of `source` names."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Attribute(value=ast.Name(id="pytest"), attr="mark"),
                    attr=kind,
                )
            ) if kind in MARKS:
                place = f"{name}:{node.lineno}"
                yield from (Mark(_text(given), place) for given in node.args)


def all_marks() -> list[Mark]:
    """The marks of every test file."""
    return [
        mark
        for path in files_with_tests()
        for mark in find_marks(path.read_text(), str(path.relative_to(PROJECT)))
    ]


def files_with_tests() -> Iterator[Path]:
    """The files in which pytest looks for tests."""
    with (PROJECT / "pyproject.toml").open("rb") as file:
        options = tomllib.load(file)["tool"]["pytest"]["ini_options"]
    for folder in options["testpaths"]:
        yield from sorted((PROJECT / folder).rglob("test_*.py"))


def unknown(marks: Iterable[Mark], groups: dict[str, list[str]]) -> list[Mark]:
    """The marks that name no row."""
    known = {row for rows in groups.values() for row in rows}
    return [mark for mark in marks if mark.row not in known]


def report(groups: dict[str, list[str]], named: set[str]) -> str:
    """Counts for each group, then the ids without a test."""
    lines = []
    for title, rows in groups.items():
        tested = sum(row in named for row in rows)
        lines.append(f"{tested:4} of {len(rows):3}  {title}")
    total = sum(map(len, groups.values()))
    lines += [f"{len(named):4} of {total:3}  all", "", "Without a test:"]
    for rows in groups.values():
        open_rows = [row for row in rows if row not in named]
        lines += textwrap.wrap(
            " ".join(open_rows), 88, break_on_hyphens=False, break_long_words=False
        )
    return "\n".join(lines)


def main() -> int:
    """Print the report; 1 if a mark names no row of the lists."""
    groups, marks = read_groups(LISTS.read_text()), all_marks()
    wrong = unknown(marks, groups)
    for mark in wrong:
        print(f"{mark.place}: {mark.row} is in no list", file=sys.stderr)
    print(report(groups, {mark.row for mark in marks} - {mark.row for mark in wrong}))
    return 1 if wrong else 0


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return "?"


if __name__ == "__main__":
    sys.exit(main())
