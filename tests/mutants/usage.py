"""Use is counted once, and what is not known is not 0."""

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "use is counted only by whoever settles the call",
        "llmqueue/work/outcomes.py",
        """    if unsettled.update(**brought):
        settle_call(attempt)
        record_use(attempt)
""",
        """    is_mine = unsettled.update(**brought)
    record_use(attempt)
    if is_mine:
        settle_call(attempt)
""",
        ("llmqueue/tests/test_usage.py::test_settling_twice_counts_once",),
    ),
    Mutant(
        "use is counted in the transaction that settles the call",
        "llmqueue/work/outcomes.py",
        "@transaction.atomic\ndef settle(",
        "def settle(",
        (
            "llmqueue/tests/test_usage.py::test_use_is_counted_with_the_attempt_or_not_at_all",
        ),
    ),
    Mutant(
        "a day is a day by UTC",
        "llmqueue/usage/recording.py",
        "        (attempt.started_at AT TIME ZONE 'UTC')::date AS day,",
        "        attempt.started_at::date AS day,",
        (
            "llmqueue/tests/test_usage.py::test_the_day_is_the_utc_day_on_which_the_call_began",
        ),
    ),
    Mutant(
        "a cost that no column holds is not known",
        "llmconfig/client.py",
        "    return total if total < _MOST_USD else None\n",
        "    return total\n",
        ("llmconfig/tests/test_entered_prices.py::test_a_call_costs_what_was_entered",),
    ),
    Mutant(
        "an endpoint's page removes no price of another",
        "llmconfig/views/prices.py",
        "filter(pk=price_id, endpoint=endpoint)",
        "filter(pk=price_id)",
        (
            "llmconfig/tests/test_entered_prices.py::test_another_endpoints_price_is_not_removed_by_this_ones_address",
        ),
    ),
    Mutant(
        "a member sees their own use only",
        "studio/views/usage.py",
        "DailyUsage.objects.of(request.user)",
        "DailyUsage.objects.all()",
        (
            "studio/tests/test_usage.py::test_a_member_sees_their_own_use_and_nobody_elses",
            "studio/tests/test_usage.py::test_a_file_holds_all_rows_of_the_period",
        ),
    ),
    Mutant(
        "no name in a file is a formula",
        "studio/usage.py",
        "harmless(used.label)",
        "used.label",
        ("studio/tests/test_usage.py::test_a_spreadsheet_takes_no_name_for_a_formula",),
    ),
]
