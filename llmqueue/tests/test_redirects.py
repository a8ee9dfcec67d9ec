"""Redirects, where a model is resolved and where a worker calls it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core.encryption import encrypt
from llmconfig.addresses import host_and_port
from llmconfig.models import AISettings, ApiKey, Endpoint, LLMConfig, Redirect
from llmqueue import services as queue
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.models import LLMAttempt, LLMRequest, Status
from llmqueue.resolution.resolving import resolve
from llmqueue.tests.conftest import run_until_quiet
from llmqueue.work import runner, sweeper

pytestmark = pytest.mark.requirement("Q-01", "Q-62")


@pytest.fixture
def configs(make_config, make_endpoint) -> dict[str, LLMConfig]:
    """`a` is the site's default; each at an endpoint of its own."""
    return {
        name: make_config(
            name,
            endpoint=make_endpoint(
                name=f"At {name}", site_key=encrypt("k", owner="o", host="h")
            ),
            is_default=name == "a",
        )
        for name in "abc"
    }


def redirect(
    source: LLMConfig, to: LLMConfig, *, model: str = "", **fields
) -> Redirect:
    fields.setdefault("reason", "It refuses everybody.")
    return Redirect.objects.create(
        endpoint=source.endpoint, model=model, to=to, **fields
    )


def add_key(member, config: LLMConfig) -> None:
    ApiKey.objects.create(
        user=member,
        endpoint=config.endpoint,
        secret=encrypt("k", owner="o", host="h"),
        host=host_and_port(config.endpoint.address),
    )


@pytest.mark.parametrize("model", ["", "model-a", "MODEL-A"])
def test_what_a_redirect_names_is_answered_by_its_target(alice, staff, configs, model):
    redirect(configs["a"], configs["b"], model=model, made_by=staff)

    receipt = resolve(Inputs(member=alice))

    choice = receipt.choice
    assert (choice.config, choice.endpoint.name) == (configs["b"], "At b")
    note = "b was asked instead of a, by a redirect of @warden: It refuses everybody."
    assert receipt.notes == (note,)
    first, last = receipt.config_steps[-2:]
    assert (first.rule, first.why) == ("the site's default", "a")
    assert (last.rule, last.won, last.why) == ("a redirect by staff", True, note)


def test_another_model_of_the_endpoint_stays(alice, configs):
    redirect(configs["a"], configs["b"], model="model-z")

    assert resolve(Inputs(member=alice)).choice.config == configs["a"]


def test_a_models_own_redirect_comes_before_its_endpoints(alice, configs):
    redirect(configs["a"], configs["b"])
    redirect(configs["a"], configs["c"], model="model-a")

    assert resolve(Inputs(member=alice)).choice.config == configs["c"]


def test_every_level_is_redirected(alice, configs, make_endpoint, maestro):
    redirect(configs["b"], configs["c"])
    plain = make_endpoint(name="Plain", default_model="raw", position=0)
    Redirect.objects.create(endpoint=plain, to=configs["c"])
    AISettings.objects.create(user=alice, default_config=configs["b"])

    assert resolve(Inputs(member=alice)).choice.config == configs["c"]
    LLMConfig.objects.update(is_default=False)
    last = resolve(Inputs(member=None))
    assert last.config_steps[-2].rule == "the first endpoint that is on"
    assert last.choice.config == configs["c"]


def test_redirects_follow_each_other(alice, configs):
    redirect(configs["a"], configs["b"])
    redirect(configs["b"], configs["c"])

    receipt = resolve(Inputs(member=alice))

    assert receipt.choice.config == configs["c"]
    assert len(receipt.notes) == 2
    assert receipt.config_steps[-3].why == "a"


def test_a_circle_ends_where_it_began(alice, configs):
    redirect(configs["a"], configs["b"])
    redirect(configs["b"], configs["a"])

    assert resolve(Inputs(member=alice)).choice.config == configs["a"]


def test_an_undone_redirect_does_nothing(alice, configs):
    made = redirect(configs["a"], configs["b"])
    Redirect.objects.filter(pk=made.pk).update(undone_at="2026-01-01T00:00Z")

    assert resolve(Inputs(member=alice)).choice.config == configs["a"]


def test_a_redirect_stands_for_an_endpoint_that_is_off(alice, configs):
    redirect(configs["a"], configs["b"])
    Endpoint.objects.filter(name="At a").update(is_enabled=False)

    assert resolve(Inputs(member=alice)).choice.config == configs["b"]


def test_a_redirect_to_an_endpoint_that_is_off_is_passed_over(alice, configs):
    redirect(configs["a"], configs["b"])
    Endpoint.objects.filter(name="At b").update(is_enabled=False)

    with pytest.raises(Refused) as refusal:
        resolve(Inputs(member=alice))

    assert refusal.value.error_class == "no_model"


@pytest.mark.parametrize(
    ("keys", "takes_own_keys", "answers"),
    [
        ("", True, "b"),
        ("a", True, "a"),
        ("ab", True, "b"),
        ("b", True, "b"),
        ("c", True, "b"),
        ("a", False, "b"),  # the site's key was used there all along
    ],
)
def test_no_call_moves_from_a_members_key_to_the_sites(
    alice, configs, keys, takes_own_keys, answers
):
    redirect(configs["a"], configs["b"])
    for name in keys:
        add_key(alice, configs[name])
    Endpoint.objects.filter(name="At a").update(takes_own_keys=takes_own_keys)

    receipt = resolve(Inputs(member=alice))

    assert receipt.choice.config == configs[answers]
    assert bool(receipt.notes) == (answers == "b")


def test_a_chain_ends_where_the_members_key_ends(alice, configs):
    redirect(configs["a"], configs["b"])
    redirect(configs["b"], configs["c"])
    add_key(alice, configs["a"])
    add_key(alice, configs["b"])

    assert resolve(Inputs(member=alice)).choice.config == configs["b"]


def test_another_members_key_keeps_nobody(alice, bob, configs):
    redirect(configs["a"], configs["b"])
    add_key(bob, configs["a"])

    assert resolve(Inputs(member=alice)).choice.config == configs["b"]
    assert resolve(Inputs(member=None)).choice.config == configs["b"]


def test_a_key_that_is_used_no_more_keeps_nobody(alice, configs):
    """The site's calls there need no key, so that of the member is not read."""
    redirect(configs["a"], configs["b"])
    add_key(alice, configs["a"])
    Endpoint.objects.filter(name="At a").update(site_key="")

    assert resolve(Inputs(member=alice)).choice.config == configs["b"]


@pytest.fixture
def other(fake_endpoint, fake_llm) -> LLMConfig:
    """The site's other model, at an endpoint of its own."""
    endpoint = Endpoint.objects.create(
        name="Other", provider="compatible", api_base=fake_llm.address
    )
    return LLMConfig.objects.create(
        name="Other model", model="fake-2", endpoint=endpoint, is_global=True
    )


@pytest.mark.parametrize("corrects", [True, False])
def test_what_waits_follows_a_redirect_and_its_undoing(
    pending_request, fake_config, other, fake_llm, make_request, corrects
):
    later = make_request(endpoint=fake_config.endpoint)
    made = redirect(fake_config, other)
    if corrects:
        assert queue.correct_lanes() == 2
        pending_request.refresh_from_db()
        assert pending_request.lane.endpoint == other.endpoint
    fake_llm.answers("From the other.")
    while pending_request.status != Status.COMPLETE:
        assert runner.run_next()
        pending_request.refresh_from_db()
    Redirect.objects.filter(pk=made.pk).update(undone_at="2026-01-01T00:00Z")

    fake_llm.answers("As before.")
    run_until_quiet()

    assert [call.model for call in fake_llm.calls()] == ["fake-2", "fake-1"]
    for request, config in ((pending_request, other), (later, fake_config)):
        request.refresh_from_db()
        assert request.status == Status.COMPLETE
        assert request.attempts.get().config == config
        assert request.lapses == 0
        assert request.lane.endpoint == config.endpoint
    assert "by a redirect of staff" in pending_request.last_attempt.receipt["notes"][0]


def test_lines_are_corrected_in_order_and_only_where_they_are_wrong(
    note_handler, fake_config, other, make_request, alice, bob
):
    waiting = [
        make_request(member=it, endpoint=fake_config.endpoint)
        for it in (alice, alice, bob)
    ]
    mine = make_request(endpoint=other.endpoint)
    LLMRequest.objects.filter(pk=mine.pk).update(config=other)
    redirect(fake_config, other)

    assert queue.correct_lanes() == 3
    assert queue.correct_lanes() == 0

    first, second, third = LLMRequest.objects.filter(
        pk__in=[it.pk for it in waiting]
    ).order_by("turn", "pk")
    assert [first.pk, second.pk, third.pk] == [
        waiting[0].pk,
        waiting[2].pk,
        waiting[1].pk,
    ]


def test_a_fallback_that_leads_back_to_what_failed_is_not_asked(
    pending_request, fake_config, other, fake_llm
):
    fake_config.fallback = other
    fake_config.save()
    fake_llm.answers(status=404)
    redirect(other, fake_config)

    run_until_quiet()

    pending_request.refresh_from_db()
    assert pending_request.status == Status.ERROR
    assert pending_request.error_class == "no_model"
    assert len(fake_llm.calls()) == 1


def test_what_stands_for_a_fallback_is_never_named_as_what_failed_first(
    pending_request, fake_config, other, fake_llm, make_config, monkeypatch
):
    third = make_config("third", endpoint=other.endpoint)
    fake_config.fallback = make_config("spare")
    fake_config.save()
    redirect(fake_config.fallback, third)
    fake_llm.answers(status=404)
    fake_llm.answers(status=404)
    fake_llm.answers("Yes.")
    runner.run_next()
    with monkeypatch.context() as patch:  # its worker is lost once the call has failed
        patch.setattr("llmqueue.work.outcomes.conclude", lambda *_: None)
        while LLMAttempt.objects.count() < 2:
            runner.run_next()
    lapsed = timezone.now() - timedelta(seconds=1)
    LLMRequest.objects.running().update(lease_until=lapsed)
    sweeper.sweep()

    run_until_quiet()

    attempts = pending_request.attempts.order_by("number")
    assert [it.config for it in attempts] == [fake_config, third, third]
    instead = "third was asked instead of spare, by a redirect of staff: It refuses everybody."
    notes = ["Fake model failed; spare was asked instead.", instead]
    assert [it.receipt["notes"] for it in attempts] == [[], notes, notes]
