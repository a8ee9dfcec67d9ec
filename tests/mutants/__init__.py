"""Guards that no change may lose: `python -m tests.mutants [PART OF A NAME]`.

Each mutant takes one guard away in a copy of the project, where the tests that are named
beside it must then go red. The modules here list them by subject.
"""

from tests.mutants import (
    asks,
    attempts,
    failures,
    leases,
    limits,
    logs,
    models,
    personas,
    prompts,
    rights,
    secrets,
    streams,
    trials,
    usage,
)
from tests.mutants.mutant import Mutant

_SUBJECTS = (
    leases,
    attempts,
    prompts,
    secrets,
    streams,
    asks,
    rights,
    personas,
    logs,
    failures,
    models,
    limits,
    trials,
    usage,
)
MUTANTS = [mutant for subject in _SUBJECTS for mutant in subject.MUTANTS]

__all__ = ["MUTANTS", "Mutant"]
