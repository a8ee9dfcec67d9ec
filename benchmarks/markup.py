"""How long the worst texts take to render, and how that grows with their length.

    python -m tests.services -- python -m benchmarks.markup

CPU milliseconds at 20,000 and 40,000 characters; linear growth has a ratio of 2.
"""

import time

import django


def main() -> None:
    django.setup()
    from core import markup
    from core.tests.payloads import DEEP, PATHOLOGICAL, deep_text

    def measure(parts: tuple[str, str, str], length: int) -> float:
        text = deep_text(*parts, length=length)
        begun = time.process_time()
        markup.render(text)
        return (time.process_time() - begun) * 1000

    rows = []
    for parts in [("", pattern, "") for pattern in PATHOLOGICAL] + DEEP:
        half, whole = (measure(parts, length) for length in (20_000, 40_000))
        rows.append((whole, whole / half, parts))
    for whole, ratio, (before, repeated, _) in sorted(rows, reverse=True):
        shown = f"{before[:4]}{repeated}"[:40]
        print(f"{whole:7.0f} ms  ratio {ratio:4.1f}  {shown!r}")


if __name__ == "__main__":
    main()
