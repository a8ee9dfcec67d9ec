"""The style sheets: what a page's rule says, no later one takes back unseen."""

import re
from collections import defaultdict

from django.conf import settings

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_AT_RULE = re.compile(r"@[^{};]*\{(?:[^{}]*\{[^{}]*\})*\s*\}")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_COMMA = re.compile(r",(?![^(]*\))")


def rules() -> list[tuple[str, str, str]]:
    """(sheet, selectors, declarations) of every rule that always holds."""
    sheets = sorted((settings.BASE_DIR / "static" / "css").glob("*.css"))
    assert len(sheets) > 3
    return [
        (sheet.name, selectors.strip(), body)
        for sheet in sheets
        for selectors, body in _RULE.findall(
            _AT_RULE.sub("", _COMMENT.sub("", sheet.read_text()))
        )
    ]


def test_no_two_rules_of_a_sheet_have_the_same_selectors():
    found = [(sheet, selectors) for sheet, selectors, _ in rules()]

    assert sorted({it for it in found if found.count(it) > 1}) == []


def test_no_sheet_changes_what_another_says_of_the_same_elements():
    sheets = defaultdict(set)
    for sheet, selectors, body in rules():
        for selector in _COMMA.split(selectors):
            for name in re.findall(r"([\w-]+)\s*:", body):
                sheets[selector.strip(), name].add(sheet)

    assert {said: where for said, where in sheets.items() if len(where) > 1} == {}
