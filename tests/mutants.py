"""Guards that no change may lose: `python -m tests.mutants [PART OF A NAME]`.

Each mutant takes one guard away in a copy of the project, where the tests that are named
beside it must then go red. First they must all be green as the project stands. Ends
with 1 when a mutant survived, took too long, or could not be made.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from os import environ
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
MOST_SECONDS = 60
# All named tests together, once, before any mutant.
MOST_SECONDS_AT_FIRST = 480
_FAILED = 1  # pytest's code for "tests ran and some failed"
_LEFT_OUT = (".git", ".venv", "var", "build", ".env", "__pycache__", ".*_cache")


@dataclass(frozen=True)
class Mutant:
    """`old` stands once in `file` and becomes `new`; one of `tests` must notice."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def spoil(self, text: str) -> str:
        """`text` of the file without the guard. Raises ValueError if it is not there."""
        if text.count(self.old) != 1 or self.old == self.new:
            raise ValueError(f"{self.name}: not found once in {self.file}")
        return text.replace(self.old, self.new)


def run(mutants: Iterable[Mutant]) -> int:
    """Try each in a copy of the project and print what became of it; the exit code."""
    chosen = list(mutants)
    with tempfile.TemporaryDirectory(prefix="forllm-mutants-") as folder:
        copy = Path(folder) / "forllm"
        shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        copy.parent.chmod(0o755)  # PostgreSQL may run as another user
        tests = sorted({test for mutant in chosen for test in mutant.tests})
        if _pytest(copy, tests, MOST_SECONDS_AT_FIRST, output=None) != 0:
            print("The tests are not green as the project stands.")
            return 1
        fates = [_try(copy, mutant) for mutant in chosen]
    print(f"{fates.count('killed')} of {len(chosen)} killed")
    return 0 if chosen and set(fates) == {"killed"} else 1


def _try(copy: Path, mutant: Mutant) -> str:
    """Apply one mutant, run its tests, put the file back."""
    started = time.monotonic()
    path = copy / mutant.file
    text = path.read_text()
    try:
        path.write_text(mutant.spoil(text))
        code = _pytest(copy, mutant.tests, MOST_SECONDS)
        fate = {0: "SURVIVED", _FAILED: "killed", None: "TOOK TOO LONG"}.get(
            code, f"NOT TRIED, pytest ended with {code}"
        )
    except ValueError as error:
        fate = f"NOT MADE: {error}"
    finally:
        path.write_text(text)
    print(f"{fate:8} {time.monotonic() - started:5.1f} s  {mutant.name}", flush=True)
    return fate


def _pytest(
    copy: Path,
    tests: Iterable[str],
    seconds: float,
    *,
    output: int | None = subprocess.DEVNULL,
) -> int | None:
    """The exit code of pytest on `tests` in `copy`; None if it was stopped.

    `output` None shows what it says.
    """
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    try:
        return subprocess.run(
            [*command, *tests],
            cwd=copy,
            # A file that changes twice in a second would be taken for its compiled form.
            env=environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            stdout=output,
            stderr=output,
            timeout=seconds,
        ).returncode
    except subprocess.TimeoutExpired:
        return None


MUTANTS = [
    Mutant(
        "a lease is renewed while a call runs",
        "llmqueue/control.py",
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
        "llmqueue/control.py",
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
        "llmqueue/models.py",
        "return self.running().filter(lease_until__lt=Now())",
        "return self.running()",
        ("llmqueue/tests/test_sweeper.py::test_sweep_leaves_a_renewed_lease_alone",),
    ),
    Mutant(
        "only who holds the lease writes",
        "llmqueue/models.py",
        "return self.running().filter(pk=request.pk, lease_token=request.lease_token)",
        "return self.running().filter(pk=request.pk)",
        ("llmqueue/tests/test_sweeper.py::test_a_lost_lease_cannot_close",),
    ),
    Mutant(
        "no attempt is made without the lease",
        "llmqueue/freezing.py",
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
        "llmqueue/freezing.py",
        """    if not claims.ai_is_on():
        raise SwitchedOff
""",
        "",
        (
            "llmqueue/tests/test_outcomes.py::test_no_call_begins_when_ai_is_switched_off_after_the_claim",
        ),
    ),
    Mutant(
        "a fallback that cannot serve leaves the first reason",
        "llmqueue/freezing.py",
        "        raise failure_of(failed.outcome, failed.outcome_detail) from refusal\n",
        "        raise\n",
        (
            "llmqueue/tests/test_outcomes.py::test_a_fallback_that_cannot_serve_leaves_the_first_reason",
        ),
    ),
    Mutant(
        "a fallback's fallback is not asked",
        "llmqueue/outcomes.py",
        "if verdict.rule.falls_back and fallback and not on_fallback:",
        "if verdict.rule.falls_back and fallback:",
        ("llmqueue/tests/test_outcomes.py::test_a_fallbacks_fallback_is_not_asked",),
    ),
    Mutant(
        "an attempt is settled once",
        "llmqueue/outcomes.py",
        "LLMAttempt.objects.filter(pk=attempt.pk, outcome=Outcome.UNKNOWN)",
        "LLMAttempt.objects.filter(pk=attempt.pk)",
        ("llmqueue/tests/test_outcomes.py::test_settling_twice_keeps_the_first",),
    ),
    Mutant(
        "an end is announced by who wrote it",
        "llmqueue/outcomes.py",
        "    if ended:\n",
        "    if True:\n",
        (
            "llmqueue/tests/test_outcomes.py::test_who_lost_the_lease_writes_nothing_and_announces_nothing",
        ),
    ),
    Mutant(
        "a request put back is announced by who wrote it",
        "llmqueue/outcomes.py",
        "    if given_back:\n",
        "    if True:\n",
        (
            "llmqueue/tests/test_outcomes.py::test_who_lost_the_lease_writes_nothing_and_announces_nothing",
        ),
    ),
    Mutant(
        "an answer that is paid for is delivered in spite of the database",
        "llmqueue/runner.py",
        "return Ran(_keep(paid, Verdict(Outcome(paid.outcome), paid.answer)))",
        "return outcomes.deliver(paid, Verdict(Outcome(paid.outcome), paid.answer))",
        (
            "llmqueue/tests/test_outcomes.py::test_a_deadlock_while_a_lost_workers_answer_is_delivered_is_waited_out",
        ),
    ),
    Mutant(
        "a database that is away before the call is waited out",
        "llmqueue/runner.py",
        "frozen = _patiently(request, partial(_freeze, request))",
        "frozen = _freeze(request)",
        (
            "llmqueue/tests/test_runner.py::test_a_database_that_is_away_before_the_call_costs_no_lapse",
        ),
    ),
    Mutant(
        "work put back at a worker's end is told to the others",
        "llmqueue/outcomes.py",
        "        return timedelta(0)  # this worker",
        "        return None  # this worker",
        (
            "llmqueue/tests/test_runner.py::test_work_put_back_at_a_workers_end_is_told_to_the_others",
        ),
    ),
    Mutant(
        "the fallback serves when nothing else is left",
        "llmqueue/freezing.py",
        "    if request.fallback_config is None:\n        receipt = resolve(inputs)\n",
        """    receipt = resolve(inputs)
    if request.fallback_config is None:
        pass
""",
        (
            "llmqueue/tests/test_outcomes.py::test_a_fallback_serves_when_nothing_else_is_left",
        ),
    ),
    Mutant(
        "the swap names what failed and not the fallback",
        "llmqueue/freezing.py",
        "request.attempts.that_failed().exclude(config=fallback)",
        "request.attempts.that_failed()",
        (
            "llmqueue/tests/test_outcomes.py::test_the_swap_never_names_the_fallback_as_what_failed",
        ),
    ),
    Mutant(
        "a config is not its own fallback",
        "llmqueue/outcomes.py",
        "return None if fallback == config else fallback",
        "return fallback",
        ("llmqueue/tests/test_outcomes.py::test_a_config_is_not_its_own_fallback",),
    ),
    Mutant(
        "a prompt is shortened for the model that said too long",
        "llmqueue/freezing.py",
        "request.attempts.filter(endpoint=choice.endpoint, config=choice.config)",
        "request.attempts.all()",
        (
            "llmqueue/tests/test_outcomes.py::test_only_the_model_that_said_too_long_gets_the_shortened_prompt",
        ),
    ),
    Mutant(
        "no text is counted after the first that does not fit",
        "llmqueue/prompts.py",
        """        if room < 0 or len(kept) >= limits.posts:
            break
        part = part_of(passage)
""",
        """        part = part_of(passage)
        if room < 0 or len(kept) >= limits.posts:
            break
""",
        (
            "llmqueue/tests/test_prompts.py::test_no_text_is_counted_after_the_first_that_does_not_fit",
        ),
    ),
    Mutant(
        "no more of a conversation is read than may be shown",
        "forum/replies.py",
        "number__gt=1)[:most_passages]",
        "number__gt=1)",
        (
            "forum/tests/test_replies.py::test_no_more_of_the_conversation_is_read_than_may_be_shown",
        ),
    ),
    Mutant(
        "a reply whose ask is gone is refused",
        "forum/replies.py",
        '        if ask is None:\n            raise Refused("gone")\n',
        "        assert ask is not None\n",
        (
            "forum/tests/test_replies.py::test_a_reply_whose_ask_is_gone_ends_as_cancelled",
        ),
    ),
    Mutant(
        "an answer that was not posted yet is not tried again",
        "forum/ask_states.py",
        "if attempt and attempt.outcome in ANSWERS:",
        "if attempt and attempt.outcome in ():",
        (
            "forum/tests/test_asks_views.py::test_an_answer_whose_worker_was_lost_waits_to_be_posted",
        ),
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
        "llmqueue/control.py",
        '        self._errors.succeeded(f"control: {name}")\n',
        "",
        (
            "llmqueue/tests/test_control.py::test_a_duty_that_did_well_is_told_of_when_it_fails_anew",
        ),
    ),
    Mutant(
        "a waiting request that is gone is told to who reads",
        "llmqueue/streams.py",
        "leases.get(it, _ABSENT)",
        "leases.get(it)",
        (
            "llmqueue/tests/test_streams.py::test_a_waiting_request_that_is_gone_is_told",
        ),
    ),
    Mutant(
        "a control that was stopped can be started again",
        "llmqueue/control.py",
        "            self._ended.clear()\n",
        "",
        (
            "llmqueue/tests/test_control.py::test_a_control_that_was_stopped_can_be_started_again",
        ),
    ),
    Mutant(
        "no connection is held while a model is called",
        "llmqueue/runner.py",
        "        _release_connection()\n        live.publisher.open(stream)\n",
        "        live.publisher.open(stream)\n",
        (
            "forum/tests/test_replies.py::test_no_connection_is_held_while_the_model_is_called",
        ),
    ),
    Mutant(
        "a key never stands in a reply",
        "llmqueue/runner.py",
        "return replace(verdict, text=without_secret(verdict.text, call.key))",
        "return replace(verdict, text=verdict.text)",
        (
            "llmqueue/tests/test_runner.py::test_a_key_that_a_server_repeats_is_not_posted",
        ),
    ),
    Mutant(
        "a reply is not cut where a key could begin",
        "llmqueue/runner.py",
        "return replace(verdict, text=without_secret(verdict.text, call.key))",
        "return replace(verdict, text=without_secret_so_far(verdict.text, call.key))",
        (
            "llmqueue/tests/test_runner.py::test_a_key_that_a_server_repeats_is_not_posted",
        ),
    ),
    Mutant(
        "live text never shows the beginning of a key",
        "llmqueue/cleaning.py",
        "            return text[:-length]\n",
        "            return text\n",
        (
            "llmqueue/tests/test_cleaning.py::test_a_growing_text_never_shows_the_beginning_of_a_key",
        ),
    ),
    Mutant(
        "a lane remembers the turn it served",
        "llmqueue/claims.py",
        '    Lane.objects.filter(pk=lane.pk).update(turn=Greatest("turn", request.turn))\n',
        "",
        (
            "llmqueue/tests/test_claims.py::test_a_newcomers_second_stands_behind_those_who_waited",
        ),
    ),
    Mutant(
        "a nudge goes out when the request can be seen",
        "llmqueue/services.py",
        "transaction.on_commit(tasks.nudge)",
        "tasks.nudge()",
        (
            "llmqueue/tests/test_services.py::test_a_nudge_goes_out_when_the_request_is_committed",
        ),
    ),
    Mutant(
        "a public persona takes no single member's config",
        "llmqueue/config_ladder.py",
        "if not is_private or config.owner_id not in persona.owner_ids:",
        "if config.owner_id not in persona.owner_ids:",
        (
            "llmqueue/tests/test_resolution.py::test_an_owners_config_serves_their_private_persona_alone",
        ),
    ),
    Mutant(
        "settings made for another endpoint are not taken",
        "llmqueue/lookups.py",
        "endpoint=endpoint, model=endpoint.default_model\n        )",
        "model=endpoint.default_model\n        )",
        (
            "llmqueue/tests/test_resolution.py::test_the_first_endpoints_model_takes_only_settings_made_for_it",
        ),
    ),
    Mutant(
        "the title stands in a block",
        "llmqueue/prompts.py",
        r'title = f"<{tag}>\nThe topic is: {escape(conversation.title, tag)}\n</{tag}>"',
        'title = f"The topic is: {conversation.title}"',
        (
            "llmqueue/tests/test_prompts.py::test_build_holds_the_title_as_members_text_in_a_block",
        ),
    ),
    Mutant(
        "members are named by their handle",
        "forum/replies.py",
        'return f"@{post.author.handle.name}"',
        "return post.author.name",
        (
            "forum/tests/test_replies.py::test_the_model_is_told_who_wrote_what_by_handle_and_the_title_as_theirs",
        ),
    ),
    Mutant(
        "after Valkey was away readers get the whole text",
        "llmqueue/live.py",
        "                stream.forget_sent()\n",
        "                pass\n",
        (
            "llmqueue/tests/test_live.py::test_after_valkey_was_away_readers_get_the_whole_text",
        ),
    ),
    Mutant(
        "an error nobody foresaw does not end the publishing thread",
        "llmqueue/live.py",
        "except Exception as error:  # the thread serves",
        "except ZeroDivisionError as error:  # the thread serves",
        (
            "llmqueue/tests/test_live.py::test_publishing_survives_an_error_nobody_foresaw",
        ),
    ),
    Mutant(
        "readers share the connection that listens",
        "llmqueue/live.py",
        "            async with self._subscribing:\n                await self._pubsub.sub",
        "            if self:\n                await self._pubsub.sub",
        (
            "llmqueue/tests/test_live.py::test_many_readers_at_once_share_the_connections",
        ),
    ),
    Mutant(
        "readers share the connection that reads",
        "llmqueue/live.py",
        "        async with self._reading:\n",
        "        if self:\n",
        (
            "llmqueue/tests/test_live.py::test_many_readers_at_once_share_the_connections",
        ),
    ),
    Mutant(
        "the address of a stream expires",
        "llmqueue/streams.py",
        "max_age=TOKEN_AGE_SECONDS",
        "max_age=None",
        ("forum/tests/test_live.py::test_a_token_expires",),
    ),
    Mutant(
        "the address of a stream is for one session",
        "llmqueue/streams.py",
        'return bool(content == {"of": scope, "s": _session_mark(request)})',
        'return bool(content["of"] == scope)',
        ("forum/tests/test_live.py::test_a_token_is_for_one_session",),
    ),
    Mutant(
        "the rights of who reads a stream are looked at again",
        "forum/live.py",
        """        if not Topic.objects.visible_to(reader).filter(pk=topic_id).exists():
            return None
""",
        "",
        (
            "forum/tests/test_live.py::test_an_open_stream_ends_when_its_reader_may_no_longer_read",
        ),
    ),
    Mutant(
        "asking waits for a topic that is being locked",
        "forum/services/asks.py",
        "topic = Topic.objects.hold(post.topic_id)",
        "topic = Topic.objects.get(pk=post.topic_id)",
        (
            "forum/tests/test_locks.py::test_an_ask_waits_for_a_topic_that_is_being_locked",
        ),
    ),
    Mutant(
        "delivering waits for a topic that is being locked",
        "forum/replies.py",
        "topic = Topic.objects.hold(ask.post.topic_id)",
        "topic = Topic.objects.get(pk=ask.post.topic_id)",
        (
            "forum/tests/test_locks.py::test_a_delivery_waits_for_a_topic_that_is_being_locked",
        ),
    ),
    Mutant(
        "a text deleted while a prompt is built is in no stored prompt",
        "forum/replies.py",
        "        Topic.objects.hold(topic.pk)\n",
        "",
        (
            "forum/tests/test_locks.py::test_a_text_deleted_while_a_prompt_is_built_is_in_no_stored_prompt",
        ),
    ),
    Mutant(
        "a deletion does not forget a post written meanwhile",
        "forum/services/posts.py",
        "    subforum.select_for_update(no_key=True).get()\n",
        "",
        (
            "forum/tests/test_locks.py::test_a_deletion_does_not_forget_a_post_written_meanwhile",
        ),
    ),
    Mutant(
        "requests are cancelled in one order",
        "forum/services/asks.py",
        'for it in entries.order_by("request_id") if',
        "for it in entries if",
        (
            "forum/tests/test_locks.py::test_what_is_cancelled_together_is_cancelled_in_one_order",
        ),
    ),
    Mutant(
        "a request is retried once, whoever presses",
        "forum/services/asks.py",
        " or _retried_before(retry_of)",
        "",
        (
            "forum/tests/test_replies.py::test_asker_and_staff_retry_a_failed_ask_together_once",
        ),
    ),
    Mutant(
        "a retry keeps the model that was chosen",
        "forum/services/asks.py",
        "        config=old.config,\n",
        "",
        ("forum/tests/test_replies.py::test_a_retry_keeps_what_was_chosen",),
    ),
]


if __name__ == "__main__":
    wanted = " ".join(sys.argv[1:])
    sys.exit(run(mutant for mutant in MUTANTS if wanted in mutant.name))
