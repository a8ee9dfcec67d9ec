"""What a mutant is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`old` stands once in `file` and becomes `new`; one of `tests` must notice."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def spoil(self, text: str) -> str:
        """`text` of the file without the guard. Raises ValueError if it is not there."""
        if text.count(self.old) != 1 or self.old == self.new:
            raise ValueError(f"{self.name}: not found once in {self.file}")
        return text.replace(self.old, self.new)
