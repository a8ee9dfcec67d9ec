"""What hostile files cost: time and memory of reading each, in a process of its own.

    python -m tests.services -- python -m benchmarks.imports

Prints the slowest and the largest; A-IMP-1 allows 1 s and 50 MB.
"""

import contextlib
import multiprocessing
import os
import resource
import time
from multiprocessing.connection import Connection

import django

MIB = 1024 * 1024


def read(content: bytes, answers: Connection) -> None:
    from core.errors import ForllmError
    from personas import portable

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    with contextlib.suppress(ForllmError):
        portable.read(content)
    took = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answers.send((took, (after - before) / 1024))


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forllm.settings")
    django.setup()
    from core import images  # noqa: F401  # what every process has loaded
    from personas import portable
    from personas.tests.cards import ODD_CARDS, as_file, v2
    from tests.safety.test_imports import HOSTILE

    portable.read(as_file(v2()))
    files = {name: content for name, (content, _) in HOSTILE.items()}
    files |= {name: content for name, (_, content) in ODD_CARDS.items()}
    many = v2(extensions={"x": [{} for _ in range(99_000)]})
    files["the most objects that are read"] = as_file(many)
    texts = {str(number): "é" * 4 for number in range(49_000)}
    files["the most texts that are read"] = as_file(v2(extensions=texts))
    fork = multiprocessing.get_context("fork")
    costs = []
    for name, content in files.items():
        answers, far_end = fork.Pipe()
        child = fork.Process(target=read, args=(content, far_end))
        child.start()
        costs.append((*answers.recv(), name))
        child.join()
    print(f"{len(costs)} files")
    for took, _, name in sorted(costs, reverse=True)[:6]:
        print(f"{took * 1000:8.0f} ms  {name}")
    for _, grown, name in sorted(costs, key=lambda it: -it[1])[:6]:
        print(f"{grown:8.1f} MiB {name}")


if __name__ == "__main__":
    main()
