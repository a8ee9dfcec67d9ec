"""A refusal in prose: taken for one in no doubt, and one hop where that can be made."""

from tests.mutants.mutant import Mutant

_DECLINING = "llmqueue/tests/test_declining.py::"

MUTANTS = [
    Mutant(
        "a refusal in prose needs a fallback that can be asked",
        "llmqueue/work/outcomes.py",
        "    if fallback := _usable_fallback(attempt):\n",
        "    if fallback := _fallback_of(attempt):\n",
        (_DECLINING + "test_a_fallback_that_cannot_be_asked_changes_nothing",),
    ),
    Mutant(
        "the fallback of a refusal in prose is not stopped",
        "llmqueue/work/outcomes.py",
        "return None if is_held or not stops.ai_is_on() else fallback",
        "return fallback",
        (_DECLINING + "test_a_fallback_that_cannot_be_asked_changes_nothing",),
    ),
    Mutant(
        "a refusal in prose makes one hop",
        "llmqueue/work/outcomes.py",
        "return request.fallback_config is None and handler_for(request).may_fall_back",
        "return handler_for(request).may_fall_back",
        (_DECLINING + "test_the_fallback_of_a_fallback_that_declines_is_not_asked",),
    ),
    Mutant(
        "no refusal moves from a member's own key to the site's",
        "llmqueue/resolution/resolving.py",
        'own_only=failed["key"] == "member"',
        "own_only=False",
        (
            _DECLINING + "test_no_refusal_moves_from_a_members_own_key_to_the_sites",
            "llmqueue/tests/test_own_keys.py::test_from_an_own_key_there_is_no_fallback_on_the_sites_bill",
        ),
    ),
    Mutant(
        "the first answer is posted for want of a better one",
        "llmqueue/work/outcomes.py",
        "    if declined is None:\n        end(request, refusal)\n        return\n",
        "    end(request, refusal)\n    return\n",
        (_DECLINING + "test_a_fallback_that_does_no_better_leaves_the_first_answer",),
    ),
    Mutant(
        "a refusal by a lost worker is not posted while its fallback is asked",
        "llmqueue/work/outcomes.py",
        "        return None  # what came of it is that the fallback is asked\n",
        "        pass\n",
        (_DECLINING + "test_the_fallback_is_asked_once_and_its_reply_says_so",),
    ),
    Mutant(
        "a sentence that declines is no refusal without a reason",
        "llmqueue/answers/refusals.py",
        "return weak + is_formal >= _ENOUGH_WEAK",
        "return True",
        (
            "llmqueue/tests/test_refusals.py::test_no_reply_that_was_held_out_is_taken_for_a_refusal",
        ),
    ),
    Mutant(
        "what is tried on the bench has no fallback",
        "studio/trials.py",
        "    may_fall_back = False",
        "    may_fall_back = True",
        (
            "studio/tests/test_trials.py::test_a_refusal_is_shown_and_no_other_model_is_asked",
        ),
    ),
    Mutant(
        "what the first model said is for those who may read the answer",
        "llmqueue/pages/first_words.py",
        "    if not (stands(request) or request.may_be_managed_by(names.viewer)):\n"
        "        return None\n",
        "",
        (
            "tests/test_declined_pages.py::test_of_a_failed_request_only_who_asked_and_staff_read_it",
        ),
    ),
]
