"""Limits: nothing passes them, and nothing is lost or counted twice."""

from tests.mutants.mutant import Mutant

_TESTS = "llmqueue/tests/test_limits.py"
_SETTLING = "llmqueue/tests/test_settling.py"
_OF_MEMBERS = "llmqueue/tests/test_limits_of_members.py"

MUTANTS = [
    Mutant(
        "no request is queued beyond what a limit allows",
        "llmqueue/services.py",
        "    reserve_requests(list(zip(requests, receipts, strict=True)))\n",
        "",
        (f"{_TESTS}::test_what_is_known_when_a_request_is_queued_refuses_it_there",),
    ),
    Mutant(
        "requests reserved already leave no room",
        "llmqueue/limits/reserving.py",
        "coalesce(bucket.used_requests + bucket.reserved_requests\n",
        "coalesce(bucket.used_requests\n",
        (f"{_TESTS}::test_what_is_known_when_a_request_is_queued_refuses_it_there",),
    ),
    Mutant(
        "what was spent leaves no room for the next call",
        "llmqueue/limits/reserving.py",
        "coalesce(bucket.used_usd + bucket.reserved_usd\n",
        "coalesce(bucket.reserved_usd\n",
        (f"{_TESTS}::test_a_call_that_could_pass_a_limit_on_costs_is_not_made",),
    ),
    Mutant(
        "a model without a price is refused under a limit on costs",
        "llmqueue/limits/reserving.py",
        "            raise wording.no_price(receipt.choice, ceiling)\n",
        "            continue\n",
        (f"{_TESTS}::test_a_model_without_a_price_is_refused_under_a_limit_on_costs",),
    ),
    Mutant(
        "what limits allow a key's owner is asked again when the key is gone",
        "llmqueue/limits/reserving.py",
        "wants = [it for it in _of_requests(request, ceilings) if it.order not in counted]",
        "wants = [it for it in _of_requests(request, ceilings) if not counted]",
        (
            f"{_OF_MEMBERS}::test_a_key_that_is_removed_meanwhile_brings_the_limits_back",
        ),
    ),
    Mutant(
        "own keys meet no spending limit",
        "llmqueue/limits/fitting.py",
        "    if on_own_key:\n        return",
        "    if False:\n        return",
        (f"{_OF_MEMBERS}::test_an_own_key_meets_no_spending_limit",),
    ),
    Mutant(
        "a budget holds on own keys as well",
        "llmqueue/limits/fitting.py",
        "if own is not None and (budget := _budget(own)):",
        "if own is None and (budget := _budget(own)):",
        (f"{_OF_MEMBERS}::test_an_own_key_meets_the_own_budget",),
    ),
    Mutant(
        "periods begin at the site's midnight",
        "llmqueue/limits/periods.py",
        "[settings.TIME_ZONE])\n        day",
        '["UTC"])\n        day',
        (
            f"{_TESTS}::test_limits_begin_anew_at_the_sites_midnight_by_the_databases_clock",
        ),
    ),
    Mutant(
        "a call is settled in the transaction that writes its outcome",
        "llmqueue/work/outcomes.py",
        "        settle_call(attempt)\n",
        "        pass\n",
        (
            f"{_SETTLING}::test_tokens_and_costs_are_set_aside_before_a_call_and_settled_after_it",
        ),
    ),
    Mutant(
        "what did not reach the provider is given back",
        "llmqueue/models/attempts.py",
        "        if self.outcome == Outcome.UNREACHABLE:\n            return False\n",
        "",
        (f"{_SETTLING}::test_a_call_that_did_not_reach_the_provider_costs_no_request",),
    ),
    Mutant(
        "what is cancelled while it waits is given back",
        "llmqueue/services.py",
        "    settle_requests([it.pk for it in ended])\n",
        "",
        (f"{_SETTLING}::test_what_is_cancelled_while_it_waits_is_given_back",),
    ),
    Mutant(
        "the calls of a lost worker count",
        "llmqueue/work/sweeper.py",
        "    settle_requests([it.pk for it in requests])\n",
        "",
        (
            f"{_SETTLING}::test_what_a_lost_worker_set_aside_is_settled_by_its_estimate_and_once",
        ),
    ),
    Mutant(
        "what a lost worker left of a cancelled request is settled",
        "llmqueue/work/sweeper.py",
        "    sweep_reservations()\n",
        "",
        (
            f"{_SETTLING}::test_of_a_cancelled_request_whose_worker_is_gone_the_sweep_settles_all",
        ),
    ),
    Mutant(
        "figures that come late take the estimate's place",
        "llmqueue/limits/settling.py",
        "            less = before if reservation.state == state else 0\n",
        "            less = before if state == reserved else 0\n",
        (f"{_SETTLING}::test_a_lost_worker_that_comes_back_brings_its_own_figures",),
    ),
    Mutant(
        "an unconfirmed member gets the cheap model",
        "llmqueue/resolution/tier_rule.py",
        "    if not _is_bound(inputs, choice, lookups):\n        return None\n",
        "    if True:\n        return None\n",
        (
            "llmqueue/tests/test_tier_rule.py::test_an_unconfirmed_member_with_an_expensive_override_gets_the_cheap_model",
        ),
    ),
    Mutant(
        "a fallback is looked at for the member's tier",
        "llmqueue/resolution/resolving.py",
        "    check_tier(inputs, choice, lookups)\n",
        "",
        (
            "llmqueue/tests/test_tier_rule.py::test_the_cheap_models_fallback_is_not_for_unconfirmed_members",
        ),
    ),
    Mutant(
        "what several requests need is set aside in one order for all of them",
        "llmqueue/services.py",
        "    reserve_requests(list(zip(requests, receipts, strict=True)))\n",
        "    for pair in zip(requests, receipts):\n        reserve_requests([pair])\n",
        (
            "studio/tests/test_trial_locks.py::test_two_trials_with_own_and_site_keys_end_whatever_their_order",
        ),
    ),
    Mutant(
        "a key that is used no more frees nobody from the cheap model",
        "llmqueue/resolution/lookups.py",
        "return endpoint.is_for_own_keys and self.own_key",
        "return self.own_key",
        (
            "llmqueue/tests/test_tier_rule.py::test_a_key_that_is_used_no_more_frees_nobody_from_the_cheap_model",
        ),
    ),
    Mutant(
        "a reply is held to what was set aside for it",
        "llmqueue/work/freezing.py",
        "    receipt = replace(receipt, most_tokens=most_tokens)\n",
        "",
        (
            f"{_SETTLING}::test_under_a_limit_on_costs_a_reply_is_held_to_what_is_set_aside",
        ),
    ),
]
