"""What a forge does: fork once for each line of its input.

By then it has imported everything and opened nothing.
"""

import ctypes
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

_PR_SET_PDEATHSIG = 1


def serve(become: Callable[[dict[str, Any]], None]) -> None:
    """Fork for each line of JSON, answer the process id, and let the child `become` it.

    The line's "log" is the path to which the child writes.
    """
    assert threading.active_count() == 1, threading.enumerate()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system buries the dead
    parent = os.getpid()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _be_a_child(json.loads(line), parent, become)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


def _be_a_child(
    order: dict[str, Any], parent: int, become: Callable[[dict[str, Any]], None]
) -> NoReturn:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with Path(order["log"]).open("ab") as log, Path(os.devnull).open("rb") as nothing:
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source.fileno(), target)
    become(order)
    sys.stdout.flush()
    os._exit(0)
