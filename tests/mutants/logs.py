"""One id on every line about a request, and none that others make up."""

from tests.mutants.mutant import Mutant

_LINES = (
    "tests/test_correlation.py::test_an_ask_its_request_and_the_workers_lines_have_the_id_of_the_answer",
)
_OUTCOMES = "llmqueue/tests/test_outcomes.py"

MUTANTS = [
    Mutant(
        "a request keeps the id of the page that asked",
        "llmqueue/services.py",
        "return correlation.current() or correlation.new()",
        "return correlation.new()",
        _LINES,
    ),
    Mutant(
        "the worker's lines have the id of their request",
        "llmqueue/work/runner.py",
        "with correlated(request.correlation_id):",
        "if request:",
        (f"{_OUTCOMES}::test_log_lines_carry_one_id_for_a_request_and_its_retry",),
    ),
    Mutant(
        "a retry keeps the id of the first try",
        "llmqueue/services.py",
        "    if retry_of is not None:\n        return retry_of.correlation_id\n",
        "",
        (f"{_OUTCOMES}::test_a_retry_keeps_the_correlation_id",),
    ),
    Mutant(
        "an id that could forge a line is not taken",
        "core/correlation.py",
        "given if _ACCEPTED.fullmatch(given) else new()",
        "given or new()",
        ("tests/test_correlation.py::test_an_id_that_is_long_or_odd_is_not_taken",),
    ),
]
