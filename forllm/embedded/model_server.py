"""The demo model behind an OpenAI-compatible port of 127.0.0.1, with a key.

Run as `python -m forllm.embedded.model_server STATE`, where STATE is the file that
holds the port and the key: a key on a command line could be read by every user.
"""

import os
import signal
import sys
from pathlib import Path

from forllm.embedded import wheels
from forllm.embedded.state import load_state

ALIAS = "smollm2"
_SLOTS = 2
_TOKENS_PER_SLOT = 1024  # each takes 23 kB


def main(state_path: Path) -> None:
    """Serve until a signal comes."""
    import xllamacpp  # 50 MB: not for those who only want ALIAS

    state = load_state(state_path)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(wheels.model_file())
    parameters.model_alias = {ALIAS}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = state.model_port
    parameters.api_keys = [state.model_key]
    parameters.n_parallel = _SLOTS
    parameters.n_ctx = _SLOTS * _TOKENS_PER_SLOT
    parameters.n_threads_http = 4
    for part in (parameters.cpuparams, parameters.cpuparams_batch):
        part.n_threads = _threads()
        part.poll = 0
    parameters.cache_ram_mib = 0
    parameters.n_batch = 256
    parameters.n_ubatch = 64  # as quick as 256 for a prompt, with 6 MB less
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.verbosity = 1
    server = xllamacpp.Server(parameters)
    sys.stderr.write(f"serving {ALIAS} on 127.0.0.1:{state.model_port}\n")
    for name in ("SIGTERM", "SIGINT"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    signal.pause()
    del server


def _threads() -> int:
    """Half of the cores: they wait for each other at every step, spinning.

    Beside other work on 2 cores, 2 threads made 1 to 5 tokens a second, 1 thread 23
    to 34; on a quiet machine 2 threads would be somewhat quicker.
    """
    return max(1, min(4, (os.cpu_count() or 1) // 2))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
