"""How long the worst texts take to render, and how that grows with their length.

    python -m tests.services -- python -m benchmarks.markup

CPU milliseconds at 20,000 and 40,000 characters; linear growth has a ratio of 2.
"""

import time

import django


def main() -> None:
    django.setup()
    from core import markup
    from core.tests.payloads import PATHOLOGICAL

    def measure(pattern: str, length: int) -> float:
        text = (pattern * length)[:length]
        begun = time.process_time()
        markup.render(text)
        return (time.process_time() - begun) * 1000

    rows = []
    for pattern in PATHOLOGICAL:
        half, whole = (measure(pattern, length) for length in (20_000, 40_000))
        rows.append((whole, whole / half, pattern))
    for whole, ratio, pattern in sorted(rows, reverse=True):
        print(f"{whole:7.0f} ms  ratio {ratio:4.1f}  {pattern!r}")


if __name__ == "__main__":
    main()
