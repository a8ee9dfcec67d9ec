"""Keys that are removed, changed or not to be read while requests wait and run."""

import threading
import time
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from llmconfig.models import ApiKey, Endpoint, KeyState, OpenTo
from llmconfig.services import own_keys
from llmqueue.handlers import Inputs
from llmqueue.models import LLMRequest, Outcome, Status
from llmqueue.resolution.resolving import resolve
from llmqueue.tests.conftest import run_until_quiet
from llmqueue.work import runner
from tests.conftest import wait_until
from tests.own_keys import OWN_KEY, SITE_KEY, bring_key, keys_seen
from tests.races import run_while, start

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.requirement("R-71", "R-73")
@pytest.mark.fault("F54")
@pytest.mark.parametrize(
    ("open_to", "ends"), [("members", "complete"), ("nobody", "error")]
)
def test_a_key_removed_while_it_waits_is_decided_anew(
    pending_request, note_handler, paid, alice, fake_llm, open_to, ends
):
    Endpoint.objects.update(open_to=open_to)
    bring_key(alice, paid, OWN_KEY)
    own_keys.remove_key(user=alice, endpoint=paid)
    fake_llm.always_answers("Yes.")

    run_until_quiet()

    pending_request.refresh_from_db()
    assert pending_request.status == ends
    assert keys_seen(fake_llm) == ([SITE_KEY] if ends == "complete" else [])
    if ends == "error":
        assert pending_request.error_class == "no_key"
        assert "answers nobody at the site's expense" in pending_request.error_message


@pytest.mark.requirement("O-37", "R-72")
@pytest.mark.fault("F54")
def test_a_key_removed_between_deciding_and_calling_is_not_used(
    pending_request, note_handler, paid, alice, fake_llm, monkeypatch
):
    bring_key(alice, paid, OWN_KEY)
    fake_llm.always_answers("Yes.")
    freeze = runner.freeze

    def freeze_and_remove(request):
        frozen = freeze(request)
        own_keys.remove_key(user=alice, endpoint=paid)
        return frozen

    monkeypatch.setattr(runner, "freeze", freeze_and_remove)

    run_until_quiet()

    pending_request.refresh_from_db()
    assert pending_request.status == Status.COMPLETE
    assert pending_request.lapses == 0
    assert keys_seen(fake_llm) == [SITE_KEY]
    first, second = pending_request.attempts.order_by("number")
    assert (first.outcome, first.outcome_detail) == (
        Outcome.INTERRUPTED,
        "This key was removed.",
    )
    assert (first.key_owner, second.key_owner) == (alice, None)


@pytest.mark.fault("F54")
def test_no_call_begins_with_a_key_a_second_after_it_was_removed(
    note_handler, paid, alice, bob, make_request, fake_llm
):
    """Twenty removals in the middle of the work of four workers."""
    Endpoint.objects.update(open_to=OpenTo.NOBODY, max_in_flight=4)
    fake_llm.always_answers("Yes.", first_delay=0.02)
    removed: list[float] = []
    all_ended = threading.Event()

    def work() -> None:
        end = time.monotonic() + 300  # all twenty, on however busy a machine
        while not all_ended.is_set() and time.monotonic() < end:
            if runner.run_next() is None:
                time.sleep(0.01)

    workers = [start(work) for _ in range(4)]
    late = []
    for _ in range(20):
        bring_key(alice, paid, OWN_KEY)
        for _ in range(3):
            make_request(member=alice, endpoint=paid)
        begun = len(fake_llm.calls())
        wait_until(lambda begun=begun: len(fake_llm.calls()) > begun)
        own_keys.remove_key(user=alice, endpoint=paid)
        removed.append(time.time())
        wait_until(lambda: not LLMRequest.objects.unfinished().exists())
        late += [seen for seen in fake_llm.calls() if seen.at > removed[-1] + 1]
    all_ended.set()
    for worker in workers:
        worker.result(310)

    assert late == []
    assert set(keys_seen(fake_llm)) == {OWN_KEY}


@pytest.mark.fault("F59")
@pytest.mark.parametrize("wrong", [[], ["another"]], ids=["missing", "wrong"])
@pytest.mark.parametrize("is_own", [True, False], ids=["own", "site"])
def test_a_worker_with_other_encryption_keys_says_so_and_changes_nothing(
    pending_request, note_handler, paid, alice, fake_llm, settings, wrong, is_own
):
    if is_own:
        bring_key(alice, paid, OWN_KEY, state=KeyState.WORKS)
    right = settings.LLM_ENCRYPTION_KEYS
    before = [*ApiKey.objects.values(), *Endpoint.objects.values()]
    settings.LLM_ENCRYPTION_KEYS = [Fernet.generate_key().decode() for _ in wrong]

    run_until_quiet()

    pending_request.refresh_from_db()
    assert fake_llm.requests == []
    assert pending_request.status == Status.ERROR
    assert pending_request.error_class == ("own_key" if is_own else "key_refused")
    assert "cannot be" in pending_request.error_message
    assert [*ApiKey.objects.values(), *Endpoint.objects.values()] == before
    settings.LLM_ENCRYPTION_KEYS = right
    fake_llm.answers("Yes.")
    assert resolve(Inputs(member=alice)).key_owner == (alice if is_own else None)


def test_a_key_that_took_its_place_during_the_call_keeps_its_own_state(
    pending_request, note_handler, paid, alice, fake_llm
):
    bring_key(alice, paid, OWN_KEY)
    fake_llm.always_answers(status=401)

    def replace() -> None:
        ApiKey.objects.all().delete()
        bring_key(alice, paid, "sk-another-own-key-of-hers")
        ApiKey.objects.update(created_at=timezone.now() + timedelta(seconds=1))

    run_while(fake_llm, replace)

    newer = ApiKey.objects.get()
    assert (newer.state, newer.last_used_at) == (KeyState.UNTESTED, None)
