"""Measurements, run by hand: `python -m tests.services -- python -m benchmarks.NAME`.

Each prints figures and asserts none: a machine's speed is no property of the code.
"""
