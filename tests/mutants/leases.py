"""Who works on what: claims, leases, sweeps, nudges, and what is told when they fail."""

from tests.mutants.mutant import Mutant

_LAST = "llmqueue/tests/test_last_chance.py"

MUTANTS = [
    Mutant(
        "a lease is renewed while a call runs",
        "llmqueue/work/control.py",
        """            LLMRequest.objects.held_by(tokens).update(
                lease_until=Now() + settings.LLM_LEASE
            )
""",
        "            pass\n",
        (
            "llmqueue/tests/test_control.py::test_a_call_longer_than_its_lease_is_made_once",
        ),
    ),
    Mutant(
        "an error nobody foresaw does not end the control thread",
        "llmqueue/work/control.py",
        "except Exception as error:  # a thread that ends",
        "except ZeroDivisionError as error:  # a thread that ends",
        (
            "llmqueue/tests/test_control.py::test_a_sweep_that_fails_keeps_no_lease_from_being_renewed",
        ),
    ),
    Mutant(
        "workers sweep by themselves, also while all threads are busy",
        "llmqueue/tasks.py",
        "control.start(sweep=sweep_and_nudge)",
        "control.start()",
        (
            "tests/test_whole_path.py::test_a_worker_whose_threads_are_all_busy_still_sweeps",
        ),
    ),
    Mutant(
        "the sweep leaves a lease that holds",
        "llmqueue/models/requests.py",
        "return self.running().filter(lease_until__lt=Now())",
        "return self.running()",
        ("llmqueue/tests/test_sweeper.py::test_sweep_leaves_a_renewed_lease_alone",),
    ),
    Mutant(
        "only who holds the lease writes",
        "llmqueue/models/requests.py",
        "return self.running().filter(pk=request.pk, lease_token=request.lease_token)",
        "return self.running().filter(pk=request.pk)",
        ("llmqueue/tests/test_sweeper.py::test_a_lost_lease_cannot_close",),
    ),
    Mutant(
        "a failure that lasts is told of again",
        "llmqueue/error_log.py",
        "if failing.count > 1 and now < failing.next_at:",
        "if failing.count > 1:",
        (
            "llmqueue/tests/test_error_log.py::test_a_failure_that_lasts_is_told_once_a_minute_with_its_count",
        ),
    ),
    Mutant(
        "a failure that lasts does not fill the disk",
        "llmqueue/error_log.py",
        "if failing.count > 1 and now < failing.next_at:",
        "if now < 0:",
        (
            "llmqueue/tests/test_error_log.py::test_a_failure_that_lasts_is_told_once_a_minute_with_its_count",
        ),
    ),
    Mutant(
        "a duty that did well is told of when it fails anew",
        "llmqueue/work/control.py",
        '        self._errors.succeeded(f"control: {name}")\n',
        "",
        (
            "llmqueue/tests/test_control.py::test_a_duty_that_did_well_is_told_of_when_it_fails_anew",
        ),
    ),
    Mutant(
        "a control that was stopped can be started again",
        "llmqueue/work/control.py",
        "            self._ended.clear()\n",
        "",
        (
            "llmqueue/tests/test_control.py::test_a_control_that_was_stopped_can_be_started_again",
        ),
    ),
    Mutant(
        "of those at their last chance one runs in a process",
        "llmqueue/work/claims.py",
        "request.is_at_last_chance and not step.take_place():",
        "False:",
        (f"{_LAST}::test_of_threads_that_claim_at_one_moment_one_has_the_place",),
    ),
    Mutant(
        "one at its last chance holds up nobody behind it",
        "llmqueue/work/claims.py",
        "        request = claimable.with_chances_left().first()\n",
        "        request = None\n",
        (f"{_LAST}::test_others_are_taken_meanwhile_also_in_other_lanes",),
    ),
    Mutant(
        "the place of those at their last chance is free again after each",
        "llmqueue/work/last_chance.py",
        "        begun.leave()\n",
        "        pass\n",
        (
            f"{_LAST}::test_the_place_is_free_again_when_a_claim_fails",
            f"{_LAST}::test_the_place_is_free_again_when_a_step_breaks",
        ),
    ),
    Mutant(
        "a lane remembers the turn it served",
        "llmqueue/work/claims.py",
        '    Lane.objects.filter(pk=lane.pk).update(turn=Greatest("turn", request.turn))\n',
        "",
        (
            "llmqueue/tests/test_claims.py::test_a_newcomers_second_stands_behind_those_who_waited",
        ),
    ),
    Mutant(
        "a nudge goes out when the request can be seen",
        "llmqueue/services.py",
        "    transaction.on_commit(tasks.nudge)\n    return requests\n",
        "    tasks.nudge()\n    return requests\n",
        (
            "llmqueue/tests/test_services.py::test_a_nudge_goes_out_when_the_request_is_committed",
        ),
    ),
]
