import logging
import time

import pytest

from llmqueue.error_log import REPEAT_SECONDS, ErrorLog


@pytest.fixture
def wait(monkeypatch):
    """Let time pass for the log, and none for the test."""
    passed = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: passed[0])

    def wait(seconds: float) -> None:
        passed[0] += seconds

    return wait


@pytest.fixture
def errors() -> ErrorLog:
    return ErrorLog(logging.getLogger("tests"), foreseen=(OSError,))


def test_a_failure_that_lasts_is_told_once_a_minute_with_its_count(
    errors, wait, caplog
):
    for _ in range(3 * int(REPEAT_SECONDS)):
        errors.failed("beat", RuntimeError("a bug"))
        wait(1)

    assert caplog.messages == [
        "beat failed; going on: RuntimeError, 1 so far",
        "beat failed; going on: RuntimeError, 61 so far",
        "beat failed; going on: RuntimeError, 121 so far",
    ]
    assert all(entry.exc_info for entry in caplog.records)


def test_a_success_makes_the_next_failure_a_first_one(errors, wait, caplog):
    for _ in range(2):
        errors.failed("beat", RuntimeError("a bug"))
        errors.failed("cut", RuntimeError("a bug"))
        errors.succeeded("beat")

    assert [line.split()[0] for line in caplog.messages] == ["beat", "cut", "beat"]


def test_a_foreseen_error_is_a_warning_without_a_traceback(errors, wait, caplog):
    for _ in range(5):
        errors.failed("beat", ConnectionError("away"))
        errors.failed("beat", RuntimeError("a bug"))

    told = [(entry.levelname, bool(entry.exc_info)) for entry in caplog.records]
    assert told == [("WARNING", False), ("ERROR", True)]
