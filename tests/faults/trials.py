"""The list of faults, and what one of them showed."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.faults.stage import Stage


_PATIENCE = 2.5


@dataclass
class Trial:
    """What was seen of one fault while it was made; `n` is how often that is."""

    fault: str
    title: str
    n: int
    is_long: bool = False
    lost: int = 0
    doubled: int = 0
    calls: int = 0
    attempts: int = 0
    slowest_seconds: float | None = None
    seconds: float = 0
    notes: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def expect(self, is_so: object, otherwise: str) -> None:
        """Note a violation unless `is_so`."""
        if not is_so:
            self.violations.append(otherwise)

    def took(self, *seconds: float, most: float | None = None) -> None:
        """Note how long recoveries took; one above `most` is a violation."""
        for value in seconds:
            self.slowest_seconds = max(self.slowest_seconds or 0, value)
            if most is not None:
                self.within(value, most, "a recovery")

    def within(self, seconds: float, most: float, what: str) -> None:
        """Note a violation if `what` took longer than `most`.

        In the short form only if far longer, as a busy machine is no fault.
        """
        most *= 1 if self.is_long else _PATIENCE
        self.expect(seconds <= most, f"{what} took {seconds:.1f} s, {most:g} allowed")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def line(self) -> str:
        slowest = self.slowest_seconds
        recovery = "     -" if slowest is None else f"{slowest:6.1f}"
        verdict = "FAILED" if self.violations else "ok"
        return (
            f"{self.fault:5} {self.n:5} {self.lost:5} {self.doubled:7}"
            f" {self.calls:6}/{self.attempts:<6} {recovery} {self.seconds:7.1f}"
            f"  {verdict:6} {self.title}"
        )


HEADER = "fault     n  lost doubled  calls/attempts  slowest seconds"

type Make = Callable[["Stage", dict[str, Trial]], None]


@dataclass(frozen=True)
class Fault:
    """One row of the list: what is done, how often in either form."""

    row: str
    title: str
    short: int
    long: int
    make: Make


FAULTS: dict[str, Fault] = {}


def fault(row: str, title: str, *, short: int, long: int) -> Callable[[Any], Any]:
    """Register the function `(stage, trial)` that makes this fault `trial.n` times."""

    def register(function: Callable[["Stage", Trial], None]) -> Any:
        def make(stage: "Stage", trials: dict[str, Trial]) -> None:
            function(stage, trials[row])

        FAULTS[row] = Fault(row, title, short, long, make)
        return function

    return register


def together(titles: dict[str, tuple[str, int, int]]) -> Callable[[Make], Make]:
    """Register a function that makes several faults at once, each with its own trial.

    `titles`: by row what is done, and how often in the short and in the long form.
    """

    def register(make: Make) -> Make:
        for row, (title, short, long) in titles.items():
            FAULTS[row] = Fault(row, title, short, long, make)
        return make

    return register
