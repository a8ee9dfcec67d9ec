"""The labelled list of refusals and replies, its two halves, and what is measured on one."""

from dataclasses import dataclass
from pathlib import Path

from llmqueue.answers.refusals import reads_like_refusal

_LIST = Path(__file__).with_name("refusals.tsv")


@dataclass(frozen=True)
class Labelled:
    """One entry: whether the model declines in `text`, and in which language."""

    is_refusal: bool
    language: str
    text: str


def halves() -> tuple[list[Labelled], list[Labelled]]:
    """The entries that the recogniser was made with, and those that were held out."""
    lines = _LIST.read_text().splitlines()
    entries = [_read(line) for line in lines if not line.startswith("#")]
    return entries[::2], entries[1::2]


def _read(line: str) -> Labelled:
    kind, language, text = line.split("\t")
    return Labelled(kind == "refusal", language, text.replace("\\n", "\n"))


@dataclass(frozen=True)
class Measured:
    """What the recogniser made of some entries: taken rightly, wrongly, and missed."""

    right: list[Labelled]
    wrong: list[Labelled]
    missed: list[Labelled]

    @property
    def precision(self) -> float:
        """Of what it took for refusals, the share that are."""
        return len(self.right) / (len(self.right) + len(self.wrong))

    @property
    def recall(self) -> float:
        """Of the refusals, the share that it took for such."""
        return len(self.right) / (len(self.right) + len(self.missed))


def measure(entries: list[Labelled]) -> Measured:
    """Ask the recogniser about each of `entries`."""
    taken = [it for it in entries if reads_like_refusal(it.text)]
    return Measured(
        right=[it for it in taken if it.is_refusal],
        wrong=[it for it in taken if not it.is_refusal],
        missed=[it for it in entries if it.is_refusal and it not in taken],
    )
