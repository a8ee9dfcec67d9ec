"""Charts that a template draws as SVG: where each bar stands, and what it says.

Widths are shares of the page's, so that text keeps its size on a narrow one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import batched

COLUMN_HEIGHT = 120
_ROW_HEIGHT = 34
# More columns than this would be thinner than a line on a telephone.
_MOST_COLUMNS = 100


type Number = int | Decimal
# A number as people read it.
type InWords = Callable[[Number], str]


@dataclass(frozen=True)
class Bar:
    """A rectangle in the units of SVG's attributes, with its label and number.

    `number` is in words, blank for nothing.
    """

    label: str
    number: str
    x: str
    y: int
    width: str
    height: int


@dataclass(frozen=True)
class Chart:
    """Bars side by side, or one below the other; `most` is the highest number."""

    bars: list[Bar]
    height: int
    most: str

    @property
    def in_words(self) -> str:
        """What the bars show, for those who cannot see them."""
        shown = [f"{bar.label}: {bar.number}" for bar in self.bars if bar.number]
        return ", ".join(shown)


def columns(numbers: Sequence[tuple[str, Number]], in_words: InWords = str) -> Chart:
    """Columns from left to right; so many days that they get thin are put into weeks."""
    weeks = batched(numbers, 7, strict=False)
    if len(numbers) > _MOST_COLUMNS:
        numbers = [
            (f"{week[0][0]} to {week[-1][0]}", sum(number for _, number in week))
            for week in weeks
        ]
    most = max((number for _, number in numbers), default=0)
    step = 100 / max(1, len(numbers))
    bars = []
    for at, (label, number) in enumerate(numbers):
        height = _share(number, most, COLUMN_HEIGHT)
        bars.append(
            Bar(
                label,
                in_words(number) if number else "",
                x=f"{at * step:.2f}%",
                y=COLUMN_HEIGHT - height,
                width=f"{step * 0.8:.2f}%",
                height=height,
            )
        )
    return Chart(bars, COLUMN_HEIGHT, in_words(most))


def rows(numbers: Sequence[tuple[str, Number]], in_words: InWords = str) -> Chart:
    """Bars from top to bottom, each below its label."""
    most = max((number for _, number in numbers), default=0)
    bars = [
        Bar(
            label,
            in_words(number) if number else "",
            x="0",
            y=at * _ROW_HEIGHT + 14,
            width=f"{_share(number, most, 1000) / 10}%",
            height=8,
        )
        for at, (label, number) in enumerate(numbers)
    ]
    return Chart(bars, len(bars) * _ROW_HEIGHT, in_words(most))


def _share(number: Number, most: Number, length: int) -> int:
    """The part of `length` that stands for `number`; what is more than 0 can be seen."""
    return max(1, round(length * number / most)) if number else 0
