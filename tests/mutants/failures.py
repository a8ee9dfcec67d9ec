"""What is said when something that is needed fails, and what it is not taken for."""

from tests.mutants.mutant import Mutant

_READ = 'rows = list(found.select_related("default_config__endpoint"))\n'

MUTANTS = [
    Mutant(
        "a preference that cannot be read is not read as none",
        "llmqueue/resolution/lookups.py",
        f"            {_READ}",
        f"            try:\n                {_READ}"
        "            except Exception:\n                rows = []\n",
        (
            "llmqueue/tests/test_config_chain.py::test_a_preference_that_cannot_be_read_is_not_read_as_none",
        ),
    ),
    Mutant(
        "a pool without a free connection is said with 503",
        "forllm/views.py",
        "if not isinstance(sys.exception(), (OperationalError, InterfaceError)):",
        "if not isinstance(sys.exception(), InterfaceError):",
        (
            "tests/test_database_away.py::test_a_page_for_which_no_connection_is_left_says_to_come_back",
        ),
    ),
    Mutant(
        "a page of a lost database says when to come back",
        "forllm/views.py",
        'headers={"Retry-After": RETRY_AFTER_SECONDS}',
        "headers={}",
        ("core/tests/test_requests.py::test_a_lost_database_is_said_with_503",),
    ),
]
