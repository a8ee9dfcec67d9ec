"""`python -m tests.faults`: make the faults, print what they showed."""

import argparse
import json
import signal
import sys
import time
import traceback
from pathlib import Path

from tests.faults.stage import Stage
from tests.faults.trials import FAULTS, HEADER, Fault, Trial

SCALES = ("short", "long")


def main() -> int:
    """0 if nothing was violated."""
    options = _options()
    # Told to end, it still ends its servers and removes their files.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f"seed {options.seed}, scale {options.scale}", flush=True)
    with Stage(options.seed, is_long=options.scale == "long") as stage:
        trials = list(
            _storm(stage, options) if options.storm else _each(stage, options)
        )
    print(HEADER)
    for trial in trials:
        print(trial.line())
    failed = sum(bool(trial.violations) for trial in trials)
    print(f"{len(trials)} faults, {failed} failed, seed {options.seed}", flush=True)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--only", default="", help="ids of faults, with commas")
    parser.add_argument("--scale", choices=SCALES, default="short")
    parser.add_argument("--storm", type=int, default=0, metavar="ASKS")
    parser.add_argument("--trials", type=int, default=0, help="instead of the scale's")
    parser.add_argument("--report", type=Path, help="where a line for each fault goes")
    return parser.parse_args()


def _chosen(only: str) -> list[Fault]:
    from tests.faults import (  # noqa: F401
        broker,
        database,
        limits,
        people,
        provider,
        switches,
        workers,
    )

    wanted = [name for name in only.split(",") if name] or sorted(FAULTS)
    if unknown := [name for name in wanted if name not in FAULTS]:
        sys.exit(f"no such fault: {', '.join(unknown)}")
    return [FAULTS[name] for name in wanted]


def _each(stage: Stage, options: argparse.Namespace) -> list[Trial]:
    done: dict[str, Trial] = {}
    chosen = _chosen(options.only)
    for entry in chosen:
        if entry.row in done:
            continue
        group = [other for other in chosen if other.make is entry.make]
        for trial in _make(stage, group, options.scale, options.trials):
            done[trial.fault] = trial
            _tell(trial, options.report)
    return list(done.values())


def _make(stage: Stage, group: list[Fault], scale: str, count: int) -> list[Trial]:
    """Make the faults of one function, then ask the oracle."""
    from tests.faults import oracle

    trials = {
        entry.row: Trial(
            entry.row,
            entry.title,
            count or getattr(entry, scale),
            is_long=scale == "long",
        )
        for entry in group
    }
    begun = time.monotonic()
    first = next(iter(trials.values()))
    try:
        stage.fresh()
        group[0].make(stage, trials)
        oracle.judge(stage, first)
    except Exception:
        lines = traceback.format_exc(limit=-4, chain=False).splitlines()
        first.expect(False, "\n      ".join(lines))
        stage.retire()
    for trial in trials.values():
        trial.seconds = time.monotonic() - begun
    return list(trials.values())


def _storm(stage: Stage, options: argparse.Namespace) -> list[Trial]:
    from tests.faults import oracle, storm

    trial = Trial("storm", "everything at once", options.storm)
    begun = time.monotonic()
    stage.fresh()
    storm.rage(stage, trial)
    oracle.judge(stage, trial)
    trial.seconds = time.monotonic() - begun
    _tell(trial, options.report)
    return [trial]


def _tell(trial: Trial, report: Path | None) -> None:
    print(trial.line(), flush=True)
    for text in (*trial.notes, *trial.violations):
        print(f"      {text}", flush=True)
    if report is not None:
        with report.open("a") as file:
            file.write(json.dumps(trial.as_json()) + "\n")


if __name__ == "__main__":
    sys.exit(main())
