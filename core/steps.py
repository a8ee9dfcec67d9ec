"""The order of a guide that asks for one thing after another."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One page of a guide; `key` stands in its address, `fields` are what it asks."""

    key: str
    title: str
    fields: tuple[str, ...]
    intro: str = ""


class Steps(tuple[Step, ...]):
    """The pages of a guide in their order."""

    __slots__ = ()

    def find(self, key: str) -> Step | None:
        return next((step for step in self if step.key == key), None)

    def before(self, step: Step) -> Step | None:
        place = self.index(step)
        return self[place - 1] if place else None

    def after(self, step: Step) -> Step | None:
        place = self.index(step) + 1
        return self[place] if place < len(self) else None
