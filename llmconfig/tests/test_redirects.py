"""Making and undoing redirects."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from accounts.models import AuditEvent
from llmconfig.errors import ChangedMeanwhile, EndpointOff, RedirectRefused
from llmconfig.models import Endpoint, LLMConfig, Redirect
from llmconfig.services import endpoints, redirects
from tests.races import start, wait_until_blocked

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("Q-01", "Q-62", "D-44")]


@pytest.fixture
def make(db) -> Callable[[str], LLMConfig]:
    """A config of the site's at an endpoint of its own; "a2" is another model at a's."""

    def make(name: str) -> LLMConfig:
        endpoint, _ = Endpoint.objects.get_or_create(
            name=name[0], defaults={"provider": "compatible"}
        )
        return LLMConfig.objects.create(
            name=name, model=f"model-{name}", endpoint=endpoint, is_global=True
        )

    return make


@pytest.fixture
def lead(staff, make) -> Callable[..., Redirect]:
    """`lead("a", "b")`: every model at a is answered by b; `of`: only that model."""
    configs: dict[str, LLMConfig] = {}

    def of(name: str) -> LLMConfig:
        if name not in configs:
            configs[name] = make(name)
        return configs[name]

    def lead(source: str, to: str, *, of_model: bool = False) -> Redirect:
        from_config = of(source)
        return redirects.make_redirect(
            endpoint=from_config.endpoint,
            model=from_config.model if of_model else "",
            to=of(to),
            reason="It fails.",
            actor=staff,
        )

    return lead


def test_of_models_that_the_database_takes_for_one_only_one_is_redirected(make, staff):
    endpoint = make("a").endpoint
    given = {"endpoint": endpoint, "to": make("b"), "reason": "It fails."}
    redirects.make_redirect(model="iq", actor=staff, **given)

    with pytest.raises(RedirectRefused, match="already"):
        redirects.make_redirect(model="İq", actor=staff, **given)


def test_a_redirect_is_made_and_undone_on_record(lead, staff, bob):
    made = lead("a", "b", of_model=True)

    assert redirects.undo_redirect(redirect=made, actor=bob)
    assert not redirects.undo_redirect(redirect=made, actor=staff)

    made.refresh_from_db()
    assert (made.made_by, made.undone_by, made.reason) == (staff, bob, "It fails.")
    assert made.undone_at is not None
    first, second = AuditEvent.objects.order_by("pk")
    common = {"endpoint": "a", "model": "model-a"}
    assert (first.action, first.actor) == ("redirect made", staff)
    assert first.detail == common | {"before": None, "after": "b"}
    assert (second.action, second.actor) == ("redirect undone", bob)
    assert second.detail == common | {"before": "b", "after": None}


@pytest.mark.parametrize(
    ("standing", "refused"),
    [
        ([], ("a", "a")),
        ([], ("a", "a2")),
        ([("a", "b")], ("b", "a")),
        ([("a", "b"), ("b", "c")], ("c", "a")),
        ([("a", "b")], ("b", "a2")),
    ],
    ids=["itself", "its own endpoint", "two", "three", "another model of the first"],
)
def test_what_would_lead_back_is_refused(lead, standing, refused):
    for pair in standing:
        lead(*pair)

    with pytest.raises(RedirectRefused, match="nobody would answer"):
        lead(*refused)

    assert Redirect.objects.count() == len(standing)


def test_one_model_may_lead_to_another_of_its_endpoint(lead):
    lead("a", "a2", of_model=True)
    lead("b", "a")
    lead("a", "c")

    assert Redirect.objects.active().count() == 3
    with pytest.raises(RedirectRefused):
        lead("c", "b")


def test_a_second_redirect_of_the_same_is_refused_until_undone(lead):
    made = lead("a", "b", of_model=True)
    with pytest.raises(RedirectRefused, match="b answers instead of model-a at a"):
        lead("a", "c", of_model=True)
    lead("a", "c")

    redirects.undo_redirect(redirect=made, actor=made.made_by)

    lead("a", "c", of_model=True)


def test_the_target_must_be_able_to_answer(lead, make, staff, alice):
    own = make("b")
    Endpoint.objects.filter(name="b").update(is_enabled=False)
    config = make("c")
    form = {"endpoint": config.endpoint, "model": "", "reason": "", "actor": staff}

    with pytest.raises(EndpointOff):
        redirects.make_redirect(to=own, **form)
    LLMConfig.objects.filter(pk=own.pk).update(owner=alice, is_global=False)
    with pytest.raises(ChangedMeanwhile):
        redirects.make_redirect(to=own, **form)
    assert not Redirect.objects.exists()


def test_a_config_others_are_sent_to_is_not_deleted_under_them(lead):
    made = lead("a", "b")

    with pytest.raises(IntegrityError), transaction.atomic():
        made.to.delete()

    assert endpoints.reasons_to_keep(endpoint=made.to.endpoint) == ["1 redirect"]


def test_a_redirect_that_is_undone_keeps_no_endpoint(lead, staff):
    made = lead("a", "b")
    redirects.undo_redirect(redirect=made, actor=staff)

    for endpoint in (made.endpoint, made.to.endpoint):
        endpoints.delete_endpoint(endpoint=endpoint, actor=staff)

    assert not Endpoint.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_staff_at_once_make_no_circle(make, staff):
    a, b = make("a"), make("b")

    def lead(source: LLMConfig, to: LLMConfig) -> Redirect:
        return redirects.make_redirect(
            endpoint=source.endpoint, model="", to=to, reason="", actor=staff
        )

    with transaction.atomic():
        lead(a, b)
        second = start(lambda: lead(b, a))
        wait_until_blocked(second)
    with pytest.raises(RedirectRefused):
        second.result(60)

    assert Redirect.objects.get().to == b


@pytest.mark.django_db(transaction=True)
def test_two_staff_at_once_make_one_of_the_same(make, staff):
    a, b, c = make("a"), make("b"), make("c")

    def lead(to: LLMConfig) -> Redirect:
        return redirects.make_redirect(
            endpoint=a.endpoint, model="M", to=to, reason="", actor=staff
        )

    with transaction.atomic():
        lead(b)
        second = start(lambda: lead(c))
        wait_until_blocked(second)
    with pytest.raises(RedirectRefused, match="b answers instead"):
        second.result(60)

    assert Redirect.objects.get().to == b
