"""Every fault in its short form, by the runs of `running.py`: what each of them showed."""

import pytest

from tests.faults import (
    broker,
    database,
    limits,
    people,
    provider,
    switches,
    workers,
)
from tests.faults.running import RUNS
from tests.faults.trials import FAULTS

MODULES = (
    broker,
    database,
    people,
    provider,
    switches,
    limits,
    workers,
)  # each registers its faults
PARAMETERS = [
    pytest.param("F01", marks=pytest.mark.fault("F01")),
    pytest.param("F02", marks=pytest.mark.fault("F02")),
    pytest.param("F03", marks=pytest.mark.fault("F03")),
    pytest.param("F04", marks=pytest.mark.fault("F04")),
    pytest.param("F05", marks=pytest.mark.fault("F05")),
    pytest.param("F06", marks=pytest.mark.fault("F06")),
    pytest.param("F07", marks=pytest.mark.fault("F07")),
    pytest.param("F08", marks=pytest.mark.fault("F08")),
    pytest.param("F09", marks=pytest.mark.fault("F09")),
    pytest.param("F10", marks=pytest.mark.fault("F10")),
    pytest.param("F11", marks=pytest.mark.fault("F11")),
    pytest.param("F12", marks=pytest.mark.fault("F12")),
    pytest.param("F13", marks=pytest.mark.fault("F13")),
    pytest.param("F14", marks=pytest.mark.fault("F14")),
    pytest.param("F15", marks=pytest.mark.fault("F15")),
    pytest.param("F16", marks=pytest.mark.fault("F16")),
    pytest.param("F17", marks=pytest.mark.fault("F17")),
    pytest.param("F18", marks=pytest.mark.fault("F18")),
    pytest.param("F20", marks=pytest.mark.fault("F20")),
    pytest.param("F21", marks=pytest.mark.fault("F21")),
    pytest.param("F22", marks=pytest.mark.fault("F22")),
    pytest.param("F24", marks=pytest.mark.fault("F24")),
    pytest.param("F25", marks=pytest.mark.fault("F25")),
    pytest.param("F30", marks=pytest.mark.fault("F30")),
    pytest.param("F31", marks=pytest.mark.fault("F31")),
    pytest.param("F32", marks=pytest.mark.fault("F32")),
    pytest.param("F33", marks=pytest.mark.fault("F33")),
    pytest.param("F34", marks=pytest.mark.fault("F34")),
    pytest.param("F35", marks=pytest.mark.fault("F35")),
    pytest.param("F36", marks=pytest.mark.fault("F36")),
    pytest.param("F37", marks=pytest.mark.fault("F37")),
    pytest.param("F38", marks=pytest.mark.fault("F38")),
    pytest.param("F39", marks=pytest.mark.fault("F39")),
    pytest.param("F40", marks=pytest.mark.fault("F40")),
    pytest.param("F41", marks=pytest.mark.fault("F41")),
    pytest.param("F42", marks=pytest.mark.fault("F42")),
    pytest.param("F44", marks=pytest.mark.fault("F44")),
    pytest.param("F45", marks=pytest.mark.fault("F45")),
    pytest.param("F46", marks=pytest.mark.fault("F46")),
    pytest.param("A-SEC-1", marks=pytest.mark.fault("A-SEC-1")),
    pytest.param("F43", marks=pytest.mark.fault("F43")),
    pytest.param("F47", marks=pytest.mark.fault("F47")),
    pytest.param("F50", marks=pytest.mark.fault("F50")),
    pytest.param("F51", marks=pytest.mark.fault("F51")),
    pytest.param("F52", marks=pytest.mark.fault("F52")),
    pytest.param("F55", marks=pytest.mark.fault("F55")),
    pytest.param("F56", marks=pytest.mark.fault("F56")),
    pytest.param("F57", marks=pytest.mark.fault("F57")),
    pytest.param("F58", marks=pytest.mark.fault("F58")),
]


def test_every_fault_is_made_in_a_run_and_has_its_line():
    in_runs = [fault for run in RUNS for fault in run.split(",")]
    named = [(it.values, [mark.args for mark in it.marks]) for it in PARAMETERS]

    assert sorted(in_runs) == sorted(FAULTS)
    assert sorted(named) == sorted(((row,), [(row,)]) for row in FAULTS)


@pytest.mark.fault("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I10")
@pytest.mark.parametrize("fault", PARAMETERS)
def test_a_fault_loses_and_doubles_nothing(fault, runs):
    shown = runs.result(fault)

    assert not shown["violations"], shown
    assert (shown["lost"], shown["doubled"]) == (0, 0)
    assert shown["n"] > 0
