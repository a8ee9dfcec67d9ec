"""One worker process: Celery's, without Celery's command line, which brings 11 MB.

    python -m forllm.worker THREADS

The same as `celery -A forllm worker -P threads -c THREADS --without-gossip
--without-mingle`, which serves as well on other machines.
"""

import sys

from forllm.celery import app


def main(threads: int) -> int:
    """Work until a signal; return the exit code."""
    worker = app.Worker(
        pool_cls="threads",
        concurrency=threads,
        loglevel="INFO",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
    )
    worker.start()
    return worker.exitcode or 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
