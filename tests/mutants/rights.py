"""Who sees which request, reads which text and may end whose work."""

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "requests are seen as their kind's app lets them",
        "llmqueue/history.py",
        "if user is not None and user.is_staff:",
        "if True:",
        (
            "llmqueue/tests/test_history.py::test_a_request_is_seen_by_whom_its_app_lets",
        ),
    ),
    Mutant(
        "the texts of a hidden persona are for those who may read them",
        "llmqueue/stored_prompts.py",
        ".readable_by(viewer)",
        ".all()",
        ("tests/test_queue_pages.py::test_a_hidden_definition_is_for_its_owners",),
    ),
    Mutant(
        "a request is cancelled by who asked and staff alone",
        "llmqueue/services.py",
        "if not request.may_be_managed_by(member):",
        "if False:",
        (
            "tests/test_queue_pages.py::test_cancel_and_retry_are_for_who_asked_and_staff",
        ),
    ),
    Mutant(
        "no list of the admin is narrowed by a hidden column",
        "accounts/admin_site.py",
        'if lookup.split("__")[0] in self.exclude:',
        "if False:",
        ("tests/test_admin.py::test_no_address_asks_for_a_secret_bit_by_bit",),
    ),
]
