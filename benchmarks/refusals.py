"""How well refusals in prose are recognised, on both halves of the labelled list.

    python -m benchmarks.refusals [--errors]

The recogniser was made with the first half and is measured on the second; `--errors` shows
what went wrong in the first, so that the second stays unseen.
"""

import sys
import time
from collections import Counter

from llmqueue.answers.refusals import MOST_CHARS, reads_like_refusal
from llmqueue.tests.labelled import Labelled, Measured, halves, measure


def main() -> None:
    tuned, held_out = halves()
    for name, entries in (("tuned on", tuned), ("held out", held_out)):
        _tell(name, entries, measure(entries))
    if "--errors" in sys.argv:
        found = measure(tuned)
        for what, entries in (("wrong", found.wrong), ("missed", found.missed)):
            for entry in entries:
                print(f"  {what} {entry.language}: {entry.text}")
    text = ("i cannot " * MOST_CHARS)[:MOST_CHARS]
    begun = time.perf_counter()
    reads_like_refusal(text)
    print(
        f"{(time.perf_counter() - begun) * 1000:.1f} ms for {MOST_CHARS} odd characters"
    )


def _tell(name: str, entries: list[Labelled], found: Measured) -> None:
    refusals = Counter(it.language for it in entries if it.is_refusal)
    right = Counter(it.language for it in found.right)
    by_language = ", ".join(f"{it} {right[it]} of {refusals[it]}" for it in refusals)
    print(
        f"{name}: {len(entries)} replies, {sum(refusals.values())} refusals;"
        f" {len(found.right)} taken rightly, {len(found.wrong)} wrongly,"
        f" {len(found.missed)} missed: precision {found.precision:.3f},"
        f" recall {found.recall:.3f} ({by_language})"
    )


if __name__ == "__main__":
    main()
