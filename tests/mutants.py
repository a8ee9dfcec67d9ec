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
        ("llmqueue/tests/test_services.py",),
    ),
    Mutant(
        "a public persona takes no single member's config",
        "llmqueue/config_ladder.py",
        "if persona.visibility != Visibility.PRIVATE or not owners.exists():",
        "if not owners.exists():",
        (
            "llmqueue/tests/test_resolution.py::test_an_owners_config_serves_their_private_persona_alone",
        ),
    ),
    Mutant(
        "settings made for another endpoint are not taken",
        "llmqueue/config_ladder.py",
        "filter(endpoint=endpoint, model=model, is_global=True)",
        "filter(model=model, is_global=True)",
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
        "forum/live.py",
        "max_age=TOKEN_AGE_SECONDS",
        "max_age=None",
        ("forum/tests/test_live.py::test_a_token_expires",),
    ),
    Mutant(
        "the address of a stream is for one session",
        "forum/live.py",
        'return bool(content == {"t": topic_id, "s": _session_mark(request)})',
        'return bool(content["t"] == topic_id)',
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
        'in entries.order_by("request_id"):',
        "in entries:",
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
