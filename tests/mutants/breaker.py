"""The circuit breaker, and failures that staff simulate."""

from tests.mutants.mutant import Mutant

_TESTS = "llmqueue/tests/test_breaker.py"

MUTANTS = [
    Mutant(
        "after a pause one request is let through, not several",
        "llmqueue/work/claims.py",
        """        Lane.objects.filter(pk=lane.pk).update(probe_token=token)
""",
        """        pass
""",
        (f"{_TESTS}::test_after_the_pause_exactly_one_request_is_let_through",),
    ),
    Mutant(
        "who waited for the lane looks again whether one was let through",
        "llmqueue/work/claims.py",
        "    if _is_shut(lane):\n",
        "    if False:\n",
        (f"{_TESTS}::test_after_the_pause_exactly_one_request_is_let_through",),
    ),
    Mutant(
        "failures in a row pause an endpoint",
        "llmqueue/work/breaker.py",
        '"most": settings.LLM_BREAKER_FAILURES',
        '"most": 999',
        (f"{_TESTS}::test_failures_in_a_row_that_speak_of_the_endpoint_pause_it",),
    ),
    Mutant(
        "an answer on a member's own key says nothing of the site's",
        "llmqueue/work/breaker.py",
        "        probed = probed.exclude(broken_by__in=SITE_KEY_TROUBLE)\n",
        "        pass\n",
        (f"{_TESTS}::test_an_answer_on_an_own_key_says_nothing_of_the_sites",),
    ),
    Mutant(
        "failures on a member's own key pause nothing",
        "llmqueue/work/breaker.py",
        "counts=not is_own_key and not _waits_a_moment(verdict)",
        "counts=not _waits_a_moment(verdict)",
        (f"{_TESTS}::test_calls_on_an_own_key_never_pause_the_endpoint",),
    ),
    Mutant(
        "a late word of an earlier call does not end a pause",
        "llmqueue/work/breaker.py",
        "lane.filter(broken_until=None, failures__gt=0).close()",
        "lane.filter(failures__gt=0).close()",
        (f"{_TESTS}::test_a_late_word_of_an_earlier_call_does_not_close_it",),
    ),
    Mutant(
        "a fault of one request shows that the endpoint is there",
        "llmqueue/work/breaker.py",
        """        if not verdict.is_unsent:
            _end_pause(attempt, is_own_key=is_own_key)
""",
        """        pass
""",
        (
            f"{_TESTS}::test_its_own_fault_closes_the_breaker_since_the_endpoint_is_there",
        ),
    ),
    Mutant(
        "what could not be sent shows nothing of the endpoint",
        "llmqueue/work/breaker.py",
        "        if not verdict.is_unsent:\n",
        "        if True:\n",
        (f"{_TESTS}::test_a_probe_that_could_not_be_sent_shows_nothing",),
    ),
    Mutant(
        "a new key of the site's is tried at once",
        "llmconfig/services/endpoints.py",
        "            tell_new_key(current)\n",
        "            pass\n",
        (
            "llmqueue/tests/test_new_keys.py::test_an_answer_on_the_new_key_ends_the_pause",
        ),
    ),
    Mutant(
        "a call on the old key says nothing of the new one",
        "llmqueue/failing.py",
        "failing.update(broken_until=Now(), probe_token=None)",
        "failing.update(broken_until=Now())",
        (
            "llmqueue/tests/test_new_keys.py::test_what_a_call_on_the_old_key_comes_to_does_not_hold_up_the_new_one",
        ),
    ),
    Mutant(
        "what was claimed as the pause began is not called",
        "llmqueue/work/freezing.py",
        "    if request.lane.holds(on_own_key=on_own_key) and not is_let_through:\n",
        "    if request.lane.holds(on_own_key=on_own_key) and False:\n",
        (f"{_TESTS}::test_who_was_claimed_as_the_pause_began_is_not_called",),
    ),
    Mutant(
        "simulated failures are as many as were set",
        "llmqueue/work/simulated.py",
        "WHERE endpoint_id = %s AND calls_left > 0 AND until",
        "WHERE endpoint_id = %s AND until",
        (
            "llmqueue/tests/test_simulated.py::test_it_ends",
            "llmqueue/tests/test_simulated.py::test_parallel_calls_take_exactly_as_many_as_were_set",
        ),
    ),
    Mutant(
        "no failure is simulated for a member's own key",
        "llmqueue/work/simulated.py",
        "    if frozen.receipt.key_owner is not None:\n        return None\n",
        "",
        ("llmqueue/tests/test_simulated.py::test_own_keys_are_left_alone",),
    ),
    Mutant(
        "who waited too long reads what a model has said already",
        "llmqueue/work/detours.py",
        "    _let_be_posted(lane, answered)\n"
        "    ended = [it for it in found if it.pk not in answered]\n",
        "    ended = found\n",
        (
            "llmqueue/tests/test_detours.py::test_who_waited_too_long_for_a_fallback_reads_what_the_first_model_said",
        ),
    ),
]
