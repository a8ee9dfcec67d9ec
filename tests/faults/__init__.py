"""Faults made on purpose, in real processes, and what must hold afterwards.

`python -m tests.faults --seed 7` makes them all in their short form, `--scale long` in
the numbers of trials that the promises of the README rest on, `--storm 1000` all at once.
PostgreSQL, Valkey and the workers are this run's own. The oracle is the database and
the fake provider's log, never a worker's word.
"""
