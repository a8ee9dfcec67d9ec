"""One call: frozen, made, settled and delivered once."""

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "no attempt is made without the lease",
        "llmqueue/work/freezing.py",
        """    if not LLMRequest.objects.lock_held(request):
        raise LeaseLost
""",
        "",
        (
            "llmqueue/tests/test_outcomes.py::test_freeze_makes_no_attempt_for_a_worker_that_lost_its_lease",
        ),
    ),
    Mutant(
        "the switch is looked at again before the call",
        "llmqueue/work/freezing.py",
        """    if stop := stops.stop_of(request, receipt):
        raise SwitchedOff(stop)
""",
        "",
        (
            "llmqueue/tests/test_stops.py::test_no_call_begins_when_it_is_stopped_after_the_claim",
        ),
    ),
    Mutant(
        "a fallback that cannot serve leaves the first reason",
        "llmqueue/resolution/deciding.py",
        "        raise failure_of(failed.outcome, failed.outcome_detail) from refusal\n",
        "        raise\n",
        (
            "llmqueue/tests/test_outcomes.py::test_a_fallback_that_cannot_serve_leaves_the_first_reason",
        ),
    ),
    Mutant(
        "a fallback's fallback is not asked",
        "llmqueue/work/outcomes.py",
        "return request.fallback_config is None and handler_for(request).may_fall_back",
        "return handler_for(request).may_fall_back",
        ("llmqueue/tests/test_outcomes.py::test_a_fallbacks_fallback_is_not_asked",),
    ),
    Mutant(
        "an attempt is settled once",
        "llmqueue/work/outcomes.py",
        "LLMAttempt.objects.filter(pk=attempt.pk, outcome=Outcome.UNKNOWN)",
        "LLMAttempt.objects.filter(pk=attempt.pk)",
        ("llmqueue/tests/test_outcomes.py::test_settling_twice_keeps_the_first",),
    ),
    Mutant(
        "an end is announced by who wrote it",
        "llmqueue/work/outcomes.py",
        "    if ended:\n",
        "    if True:\n",
        (
            "llmqueue/tests/test_outcomes.py::test_who_lost_the_lease_writes_nothing_and_announces_nothing",
        ),
    ),
    Mutant(
        "a request put back is announced by who wrote it",
        "llmqueue/work/outcomes.py",
        "    if given_back:\n",
        "    if True:\n",
        (
            "llmqueue/tests/test_outcomes.py::test_who_lost_the_lease_writes_nothing_and_announces_nothing",
        ),
    ),
    Mutant(
        "an answer that is paid for is delivered in spite of the database",
        "llmqueue/work/runner.py",
        "return Ran(_keep(paid, Verdict(Outcome(paid.outcome), paid.answer)))",
        "return outcomes.deliver(paid, Verdict(Outcome(paid.outcome), paid.answer))",
        (
            "llmqueue/tests/test_outcomes.py::test_a_deadlock_while_a_lost_workers_answer_is_delivered_is_waited_out",
        ),
    ),
    Mutant(
        "a database that is away before the call is waited out",
        "llmqueue/work/runner.py",
        "frozen = _patiently(request, partial(_freeze, request))",
        "frozen = _freeze(request)",
        (
            "llmqueue/tests/test_interruptions.py::test_a_database_that_is_away_before_the_call_costs_no_lapse",
        ),
    ),
    Mutant(
        "work put back at a worker's end is told to the others",
        "llmqueue/work/outcomes.py",
        "        return timedelta(0)  # this worker",
        "        return None  # this worker",
        (
            "llmqueue/tests/test_interruptions.py::test_work_put_back_at_a_workers_end_is_told_to_the_others",
        ),
    ),
    Mutant(
        "the fallback serves when nothing else is left",
        "llmqueue/resolution/deciding.py",
        "    if request.fallback_config is None:\n        return resolve(inputs, lookups)\n",
        """    first = resolve(inputs, lookups)
    if request.fallback_config is None:
        return first
""",
        (
            "llmqueue/tests/test_outcomes.py::test_a_fallback_serves_when_nothing_else_is_left",
        ),
    ),
    Mutant(
        "the swap names what failed and not the fallback",
        "llmqueue/resolution/deciding.py",
        "[it for it in request.attempts.all() if not is_on_fallback(it.receipt)]",
        "list(request.attempts.all())",
        (
            "llmqueue/tests/test_outcomes.py::test_the_swap_never_names_the_fallback_as_what_failed",
        ),
    ),
    Mutant(
        "a config is not its own fallback",
        "llmqueue/resolution/bypassing.py",
        "return None if fallback == config else fallback",
        "return fallback",
        ("llmqueue/tests/test_outcomes.py::test_a_config_is_not_its_own_fallback",),
    ),
    Mutant(
        "a prompt is shortened for the model that said too long",
        "llmqueue/work/freezing.py",
        "request.attempts.filter(endpoint=choice.endpoint, config=choice.config)",
        "request.attempts.all()",
        (
            "llmqueue/tests/test_outcomes.py::test_only_the_model_that_said_too_long_gets_the_shortened_prompt",
        ),
    ),
    Mutant(
        "no connection is held while a model is called",
        "llmqueue/work/runner.py",
        "        _release_connection()\n        call = _prepare(frozen, messages, key)\n",
        "        call = _prepare(frozen, messages, key)\n",
        (
            "forum/tests/test_replies.py::test_no_connection_is_held_while_the_model_is_called",
        ),
    ),
    Mutant(
        "the switch is looked at once more on the way to the provider",
        "llmqueue/work/runner.py",
        """        if stops.is_stopped(request, receipt):
            raise SwitchedOff
""",
        "",
        (
            "llmqueue/tests/test_stops.py::test_no_call_begins_when_it_is_stopped_on_the_way_to_the_provider",
        ),
    ),
]
