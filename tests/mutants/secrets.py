"""Keys that servers repeat."""

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "a key never stands in a reply",
        "llmqueue/work/runner.py",
        "return replace(verdict, text=without_secret(verdict.text, call.key))",
        "return replace(verdict, text=verdict.text)",
        (
            "llmqueue/tests/test_runner.py::test_a_key_that_a_server_repeats_is_not_posted",
        ),
    ),
    Mutant(
        "a reply is not cut where a key could begin",
        "llmqueue/work/runner.py",
        "return replace(verdict, text=without_secret(verdict.text, call.key))",
        "return replace(verdict, text=without_secret_so_far(verdict.text, call.key))",
        (
            "llmqueue/tests/test_runner.py::test_a_key_that_a_server_repeats_is_not_posted",
        ),
    ),
    Mutant(
        "live text never shows the beginning of a key",
        "llmqueue/answers/cleaning.py",
        "            return text[:-length]\n",
        "            return text\n",
        (
            "llmqueue/tests/test_cleaning.py::test_a_growing_text_never_shows_the_beginning_of_a_key",
        ),
    ),
]
