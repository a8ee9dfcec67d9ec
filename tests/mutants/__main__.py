"""Tries the mutants. First their tests must all be green as the project stands.

Ends with 1 when a mutant survived, took too long, or could not be made.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from os import environ
from pathlib import Path

from forllm.embedded.paths import PROJECT
from tests.mutants import MUTANTS, Mutant

MOST_SECONDS = 60
# All named tests together, once, before any mutant.
MOST_SECONDS_AT_FIRST = 480
_FAILED = 1  # pytest's code for "tests ran and some failed"
_LEFT_OUT = (".git", ".venv", "var", "build", ".env", "__pycache__", ".*_cache")


def run(mutants: Iterable[Mutant]) -> int:
    """Try each in a copy of the project and print what became of it; the exit code."""
    chosen = list(mutants)
    if not chosen:  # pytest without names would try everything
        print("No mutant is called so.")
        return 1
    with tempfile.TemporaryDirectory(prefix="forllm-mutants-") as folder:
        copy = Path(folder) / "forllm"
        shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        copy.parent.chmod(0o755)  # PostgreSQL may run as another user
        tests = sorted({test for mutant in chosen for test in mutant.tests})
        if _pytest(copy, tests, MOST_SECONDS_AT_FIRST, output=None) != 0:
            print("The tests are not green as the project stands.")
            return 1
        fates = [_try(copy, mutant) for mutant in chosen]
    print(f"{fates.count('killed')} of {len(chosen)} killed")
    return 0 if set(fates) == {"killed"} else 1


def _try(copy: Path, mutant: Mutant) -> str:
    """Apply one mutant, run its tests, put the file back."""
    started = time.monotonic()
    path = copy / mutant.file
    text = path.read_text()
    try:
        path.write_text(mutant.spoil(text))
        code = _pytest(copy, mutant.tests, MOST_SECONDS)
        fate = {0: "SURVIVED", _FAILED: "killed", None: "TOOK TOO LONG"}.get(
            code, f"NOT TRIED, pytest ended with {code}"
        )
    except ValueError as error:
        fate = f"NOT MADE: {error}"
    finally:
        path.write_text(text)
    print(f"{fate:8} {time.monotonic() - started:5.1f} s  {mutant.name}", flush=True)
    return fate


def _pytest(
    copy: Path,
    tests: Iterable[str],
    seconds: float,
    *,
    output: int | None = subprocess.DEVNULL,
) -> int | None:
    """The exit code of pytest on `tests` in `copy`; None if it was stopped.

    `output` None shows what it says.
    """
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    try:
        return subprocess.run(
            [*command, *tests],
            cwd=copy,
            # A file that changes twice in a second would be taken for its compiled form.
            env=environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            stdout=output,
            stderr=output,
            timeout=seconds,
        ).returncode
    except subprocess.TimeoutExpired:
        return None


if __name__ == "__main__":
    wanted = " ".join(sys.argv[1:])
    sys.exit(run(mutant for mutant in MUTANTS if wanted in mutant.name))
