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
    Mutant(
        "a key is read anew just before its call",
        "llmconfig/services/keys.py",
        "    if key is None:\n        raise KeyGone\n    if problem",
        "    if key is None:\n        return call_secrets(endpoint=endpoint)\n    if problem",
        (
            "llmqueue/tests/test_changed_keys.py::test_a_key_removed_between_deciding_and_calling_is_not_used",
        ),
    ),
    Mutant(
        "a member's key goes to the host it was given for",
        "llmconfig/services/keys.py",
        """    if problem := problem_of(key=key, endpoint=endpoint):
        raise SecretUnreadable(problem)
    host = host_and_port(endpoint.address)
    try:
        return decrypt(key.secret, owner=_member(owner), host=host)
""",
        """    try:
        return decrypt(key.secret, owner=_member(owner), host=key.host)
""",
        (
            "llmconfig/tests/test_own_keys.py::test_after_the_endpoint_moved_nothing_is_sent_to_its_new_host",
        ),
    ),
    Mutant(
        "the host stands inside the secret",
        "core/encryption.py",
        """    if (bound["owner"], bound["host"]) != (owner, host.lower()):
""",
        """    if bound["owner"] != owner:
""",
        ("llmconfig/tests/test_own_keys.py::test_a_changed_host_column_opens_nothing",),
    ),
    Mutant(
        "a member's key that cannot be used is no reason for the site's",
        "llmqueue/resolution/key_ladder.py",
        """        raise Refused("own_key", problem, is_failure=True)
""",
        """        return Passed(problem)
""",
        (
            "llmqueue/tests/test_own_keys.py::test_a_key_is_never_sent_to_another_host_than_its_own",
        ),
    ),
    Mutant(
        "from a member's own key there is no fallback on the site's bill",
        "llmqueue/resolution/resolving.py",
        """        own_only=failed["key"] == "member",
""",
        """        own_only=False,
""",
        (
            "llmqueue/tests/test_own_keys.py::test_from_an_own_key_there_is_no_fallback_on_the_sites_bill",
        ),
    ),
    Mutant(
        "the site pays only for those it is open to",
        "llmqueue/resolution/key_ladder.py",
        """    if open_to.admits(context.lookups.tier(member)):
""",
        """    if True:
""",
        (
            "llmqueue/tests/test_own_keys.py::test_the_sites_expense_is_open_to_those_it_is_set_to",
        ),
    ),
    Mutant(
        "a refused key is written down only when the provider was asked",
        "llmqueue/work/outcomes.py",
        "    if verdict.answer is None or attempt.key_owner_id is None:\n",
        "    if attempt.key_owner_id is None:\n",
        (
            "llmqueue/tests/test_changed_keys.py::test_a_worker_with_other_encryption_keys_says_so_and_changes_nothing",
        ),
    ),
    Mutant(
        "trials of keys are counted",
        "llmconfig/services/own_keys.py",
        "    if len(times) == MOST_TRIALS:\n",
        "    if False:\n",
        ("llmconfig/tests/test_own_keys.py::test_trials_are_limited_for_each_member",),
    ),
    Mutant(
        "a rotation waits for whoever saves a key",
        "llmconfig/services/rotation.py",
        "        rows = rows.select_for_update(no_key=True)\n",
        "        pass\n",
        (
            "tests/test_key_rotation.py::test_a_key_that_is_saved_during_a_rotation_stays",
        ),
    ),
]
