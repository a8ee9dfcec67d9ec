"""Guards that no change may lose: `python -m tests.mutants [PART OF A NAME]`.

Each mutant takes one guard away in a copy of the project, where the tests that are named
beside it must then go red. The modules here list them by subject.
"""

from tests.mutants import (
    asks,
    attempts,
    breaker,
    failures,
    hours,
    images,
    leases,
    limits,
    logs,
    models,
    personas,
    prompts,
    rates,
    refusals,
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
    images,
    rights,
    personas,
    logs,
    failures,
    breaker,
    hours,
    models,
    limits,
    rates,
    trials,
    usage,
    refusals,
)
MUTANTS = [mutant for subject in _SUBJECTS for mutant in subject.MUTANTS]

__all__ = ["MUTANTS", "Mutant"]
