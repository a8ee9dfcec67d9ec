"""Whose key answers: the member's own, else the site's if it is open to them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from llmconfig.models import ApiKey, Endpoint, KeyState, ModelProfile, OpenTo
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.models import Status
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.resolving import resolve
from llmqueue.tests.conftest import run_until_quiet
from llmqueue.work import runner
from tests.fake_llm import FakeLLM
from tests.own_keys import OWN_KEY, SITE_KEY, bring_key, bring_site_key, keys_seen

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def elsewhere(paid, settings):
    """A second provider, also on the site's key, that the first model falls back to."""
    with FakeLLM() as server:
        settings.LLM_PRIVATE_HOSTS.append(("127.0.0.1", server.port))
        endpoint = Endpoint.objects.create(
            name="Elsewhere", provider="compatible", api_base=server.address
        )
        yield server, bring_site_key(endpoint)


@pytest.fixture
def fallback(elsewhere, fake_config, make_config):
    fake_config.fallback = make_config("second", endpoint=elsewhere[1])
    fake_config.save()
    return fake_config.fallback


def reason_against(member) -> str | None:
    """Why nothing would answer the member, for want of a key; None: it would."""
    try:
        resolve(Inputs(member=member))
    except Refused as refusal:
        return refusal.message if refusal.error_class == "no_key" else None
    return None


def steps_of(receipt) -> list[tuple[str, bool]]:
    return [(step.rule, step.won) for step in receipt.key_steps]


@pytest.mark.requirement("R-72", "M-17", "C-14", "O-37", "O-38")
def test_the_members_own_key_is_used_before_the_sites(
    pending_request, note_handler, paid, alice, fake_llm
):
    key = bring_key(alice, paid, OWN_KEY)
    fake_llm.answers("Yes.")

    runner.run_next()

    attempt = pending_request.attempts.get()
    assert keys_seen(fake_llm) == [OWN_KEY]
    assert attempt.key_owner == alice
    assert attempt.receipt["key"] == "member"
    assert attempt.receipt["steps"]["key"] == [
        {
            "rule": "the member's own key",
            "won": True,
            "why": "The member's own key for Fake.",
        }
    ]
    key.refresh_from_db()
    assert (key.state, key.last_used_at) == (KeyState.WORKS, attempt.started_at)


@pytest.mark.requirement("M-17", "R-72", "D-33")
def test_without_an_own_key_the_sites_is_used(
    pending_request, note_handler, paid, bob, fake_llm
):
    bring_key(bob, paid, OWN_KEY)
    fake_llm.answers("Yes.")

    runner.run_next()

    attempt = pending_request.attempts.get()
    assert keys_seen(fake_llm) == [SITE_KEY]
    assert (attempt.key_owner, attempt.receipt["key"]) == (None, "site")


@pytest.mark.requirement("M-17", "C-29", "M-10")
@pytest.mark.parametrize(
    ("open_to", "who"),
    [
        (OpenTo.MEMBERS, {"sample", "verified", "staff"}),
        (OpenTo.VERIFIED, {"verified", "staff"}),
        (OpenTo.STAFF, {"staff"}),
        (OpenTo.NOBODY, set()),
    ],
)
@pytest.mark.parametrize("is_keyless", [False, True])
def test_the_sites_expense_is_open_to_those_it_is_set_to(
    fake_config, paid, make_member, bob, staff, open_to, who, is_keyless
):
    newcomer = make_member("newcomer", is_confirmed=False)
    ModelProfile.objects.create(key="cheap", config=fake_config)
    Endpoint.objects.update(open_to=open_to)
    if is_keyless:
        Endpoint.objects.update(site_key="")
    people = {"sample": newcomer, "verified": bob, "staff": staff}
    answered = set()
    for name, member in people.items():
        answered |= {name} if reason_against(member) is None else set()
        bring_key(member, paid, OWN_KEY)
        if not is_keyless or open_to == OpenTo.NOBODY:
            assert resolve(Inputs(member=member)).key_owner == member
        ApiKey.objects.all().delete()

    assert answered == who


@pytest.mark.requirement("C-29", "M-17")
def test_the_steps_say_why_each_key_was_passed_over(fake_config, alice):
    receipt = resolve(Inputs(member=alice))

    assert steps_of(receipt) == [
        ("the member's own key", False),
        ("the site's key", False),
        ("no key needed", True),
    ]
    assert [step.why for step in receipt.key_steps] == [
        "Fake takes no keys of members.",
        "No key is set for Fake.",
        "OpenAI-compatible takes calls without one.",
    ]


@pytest.mark.requirement("C-29", "D-04")
def test_any_word_is_no_own_key_where_none_is_needed(fake_config, alice):
    bring_key(alice, fake_config.endpoint, "ollama")

    receipt = resolve(Inputs(member=alice))

    assert (receipt.key_owner, receipt.as_json()["key"]) == (None, "none")
    assert receipt.key_steps[0].why == "Fake takes no keys of members."


def test_where_own_keys_are_not_taken_the_site_pays_and_says_so(paid, alice):
    bring_key(alice, paid, OWN_KEY)
    Endpoint.objects.update(takes_own_keys=False)

    receipt = resolve(Inputs(member=alice))

    assert receipt.key_owner is None
    assert receipt.key_steps[0].why == "Fake takes no keys of members."


@pytest.mark.requirement("R-73", "O-38", "O-39")
@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refused_own_key_ends_the_request_and_costs_the_site_nothing(
    pending_request, note_handler, fallback, elsewhere, paid, alice, fake_llm, status
):
    """Nor is the fallback asked: it is on the site's bill."""
    key = bring_key(alice, paid, OWN_KEY, state=KeyState.WORKS)
    fake_llm.always_answers(status=status)

    run_until_quiet()

    pending_request.refresh_from_db()
    assert (pending_request.status, pending_request.error_class) == ("error", "own_key")
    assert "refused the member's own key" in pending_request.error_message
    assert keys_seen(fake_llm) == [OWN_KEY]
    assert elsewhere[0].requests == []
    key.refresh_from_db()
    assert key.state == KeyState.REFUSED
    assert key.state_at is not None


@pytest.mark.requirement("O-38", "O-39", "R-73")
@pytest.mark.parametrize("status", [404, 429, 503])
def test_from_an_own_key_there_is_no_fallback_on_the_sites_bill(
    pending_request, note_handler, fallback, elsewhere, paid, alice, fake_llm, status
):
    key = bring_key(alice, paid, OWN_KEY, state=KeyState.WORKS)
    fake_llm.always_answers(status=status)

    run_until_quiet()

    pending_request.refresh_from_db()
    assert pending_request.status == Status.ERROR
    assert f"HTTP {status}" in pending_request.error_message
    assert set(keys_seen(fake_llm)) == {OWN_KEY}
    assert elsewhere[0].requests == []
    key.refresh_from_db()
    assert key.state == KeyState.WORKS  # it was not the key's fault


@pytest.mark.requirement("O-38", "O-39")
def test_from_an_own_key_the_fallback_is_asked_with_an_own_key_there(
    pending_request, note_handler, fallback, elsewhere, paid, alice, fake_llm
):
    server, endpoint = elsewhere
    bring_key(alice, paid, OWN_KEY)
    bring_key(alice, endpoint, "sk-the-other-own-key-1234")
    fake_llm.always_answers(status=404)
    server.answers("From elsewhere.")

    run_until_quiet()

    pending_request.refresh_from_db()
    assert pending_request.status == Status.COMPLETE
    assert keys_seen(server) == ["sk-the-other-own-key-1234"]
    owners = pending_request.attempts.values_list("key_owner", flat=True)
    assert set(owners) == {alice.pk}


@pytest.mark.requirement("O-38", "O-39")
def test_a_keyless_fallback_after_an_own_key_is_on_the_sites_bill_too(
    pending_request, note_handler, fallback, elsewhere, paid, alice, fake_llm
):
    Endpoint.objects.filter(pk=elsewhere[1].pk).update(site_key="")
    bring_key(alice, paid, OWN_KEY)
    fake_llm.always_answers(status=404)

    run_until_quiet()

    assert elsewhere[0].requests == []


@pytest.mark.fault("A-SSRF-9")
@pytest.mark.parametrize("is_open", [True, False])
def test_a_key_is_never_sent_to_another_host_than_its_own(
    pending_request, note_handler, elsewhere, paid, alice, fake_llm, is_open
):
    """Neither the member's nor the site's reaches the place the endpoint moved to."""
    server, _ = elsewhere
    key = bring_key(alice, paid, OWN_KEY, state=KeyState.WORKS)
    Endpoint.objects.filter(pk=paid.pk).update(api_base=server.address)
    if not is_open:
        ApiKey.objects.all().delete()

    run_until_quiet()

    pending_request.refresh_from_db()
    assert server.requests == []
    assert fake_llm.requests == []
    assert pending_request.status == Status.ERROR
    if is_open:
        assert pending_request.error_class == "own_key"
        assert f"given for 127.0.0.1:{fake_llm.port}" in pending_request.error_message
        key.refresh_from_db()
        assert (key.state, key.last_used_at) == (KeyState.WORKS, None)
    else:
        assert pending_request.error_class == "key_refused"
        assert "cannot be read here" in pending_request.error_message


@pytest.mark.fault("A-SSRF-9", "A-SSRF-10", "A-SSRF-11")
@pytest.mark.parametrize(
    "model",
    [
        "bedrock/anthropic.claude-v2",
        "vertex_ai/gemini-pro",
        "sagemaker/an-endpoint",
        "huggingface/someone/a-model",
        "azure/deployment",
        "openai/http://{other}/v1",
        "http://{other}/v1/chat",
    ],
)
def test_no_name_of_a_model_leads_an_own_key_elsewhere(
    pending_request, note_handler, elsewhere, paid, alice, fake_config, fake_llm, model
):
    server, _ = elsewhere
    bring_key(alice, paid, OWN_KEY)
    fake_config.model = model.format(other=f"127.0.0.1:{server.port}")
    fake_config.save()
    fake_llm.always_answers("Yes.")

    run_until_quiet()

    pending_request.refresh_from_db()
    assert server.requests == []
    assert {seen.key for seen in fake_llm.requests} <= {OWN_KEY}
    assert pending_request.status in (Status.COMPLETE, Status.ERROR)


@pytest.mark.fault("A-SSRF-12")
@pytest.mark.parametrize(
    "how",
    [{"status": 401}, {"status": 400}, {"mode": "error"}, {"mode": "error_event"}],
)
def test_what_another_service_answers_is_not_shown(
    pending_request, note_handler, paid, alice, fake_llm, how
):
    bring_key(alice, paid, OWN_KEY)
    inside = "canary of an inner service"
    fake_llm.always_answers(**how, error={"message": inside})
    run_until_quiet()
    attempts = pending_request.attempts.values_list("outcome_detail", "answer")

    pending_request.refresh_from_db()
    assert inside not in f"{list(attempts)} {pending_request.error_message}"


@pytest.mark.requirement("M-17")
def test_a_page_of_requests_reads_keys_and_tiers_once(
    fake_config, paid, make_member, fake_llm
):
    Endpoint.objects.update(open_to=OpenTo.VERIFIED)
    members = [make_member(f"member-{number}") for number in range(8)]
    for member in members:
        bring_key(member, paid, OWN_KEY)

    def queries(count: int) -> int:
        inputs = [Inputs(member=it) for it in members[:count]]
        lookups = Lookups(inputs)
        with CaptureQueriesContext(connection) as captured:
            assert all(resolve(it, lookups).key_owner for it in inputs)
        assert "secret" not in str(captured.captured_queries)
        return len(captured)

    assert queries(1) == queries(8)
