"""The admin's pages of every model of ours, where there are rows of nearly all of them."""

import uuid

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent, User
from accounts.services import record
from core.models import SiteSettings
from forum.models import (
    Notice,
    NoticeKind,
    Post,
    PostImage,
    PostRevision,
    Subforum,
    SubforumPersona,
    Topic,
)
from forum.services import asks, posts
from llmconfig.models import (
    AISettings,
    ApiKey,
    Endpoint,
    Favourite,
    LLMConfig,
    ModelPrice,
    ModelProfile,
    ProviderPreference,
    Redirect,
)
from llmqueue.models import (
    DailyUsage,
    Lane,
    LLMAttempt,
    LLMRequest,
    PromptPart,
    Reservation,
    ScheduleWindow,
    SimulatedFailure,
    SpendBucket,
    SpendLimit,
    Stop,
    WorkerHeartbeat,
)
from llmqueue.work import runner
from personas.models import (
    Identity,
    Persona,
    PersonaAlias,
    PersonaCard,
    PersonaDraft,
    PersonaOwner,
    PersonaVersion,
    SystemPrompt,
    UserPersonaSettings,
)
from studio.models import Trial, TrialRun
from studio.services import trials

pytestmark = pytest.mark.django_db

OURS = {"core", "accounts", "llmconfig", "personas", "queue", "forum", "studio"}
MODELS = [model for model in apps.get_models() if model._meta.app_label in OURS]
CHANGEABLE = {
    User,
    LLMConfig,
    ModelProfile,
    Subforum,
    SubforumPersona,
}
CANARY = "canary-5e1f"


@pytest.fixture(scope="module")
def root(module_db, new_member) -> User:
    return new_member("root", is_staff=True, is_superuser=True)


@pytest.fixture
def visit(root) -> Client:
    client = Client()
    client.force_login(root)
    return client


@pytest.fixture(scope="module")
def filled(root, new_member, fake_server) -> None:
    """Three rows of nearly every model, with canaries where a secret or a text stands.

    For all tests of this module at once; what a test changes is back for the next one.
    """
    fake_server.reset()
    fake_server.always_answers(f"{CANARY} answer")
    alice, bob, carol = map(new_member, ("alice", "bob", "carol"))
    endpoint = Endpoint.objects.create(
        name="Fake", provider="compatible", api_base=fake_server.address
    )
    fake_config = LLMConfig.objects.create(
        name="Fake model",
        model="fake-1",
        endpoint=endpoint,
        is_global=True,
        is_default=True,
    )
    kitchen = Subforum.objects.create(name="Kitchen", slug="kitchen")
    topic = posts.create_topic(
        subforum=kitchen, author=alice, title="Soup", body="How long does it simmer?"
    )
    maestro = Persona.objects.get(slug="maestro")
    opening = topic.posts.get()
    for number, member in enumerate([alice, bob, carol]):
        ask = asks.ask(post=opening, member=member, persona=maestro)
        with override_settings(LLM_PRIVATE_HOSTS=[("127.0.0.1", fake_server.port)]):
            runner.run_next()
        Notice.objects.get_or_create(
            ask=ask, defaults={"user": member, "kind": NoticeKind.READY}
        )
        PostRevision.objects.create(post=opening, body=CANARY, replaced_by=member)
        PostImage.objects.create(
            post=opening,
            position=number,
            file=f"{CANARY}-{number}",
            alt=CANARY,
            width=1,
            height=1,
        )
        AISettings.objects.update_or_create(
            user=member, defaults={"default_config": fake_config}
        )
        ProviderPreference.objects.create(
            user=member, endpoint=fake_config.endpoint, model="fake-1"
        )
        PersonaOwner.objects.create(persona=maestro, user=member)
        UserPersonaSettings.objects.create(
            user=member, persona=maestro, config=fake_config, own_prompt=CANARY
        )
        PersonaDraft.objects.create(
            persona=maestro, editor=member, name="Next", role=CANARY, voice=CANARY
        )
        PersonaAlias.objects.create(persona=maestro, user=member, name="Boss")
        Identity.objects.create(user=member, name=CANARY, description=CANARY)
        SystemPrompt.objects.create(name=f"Prompt {number}", text="Be kind.")
        LLMConfig.objects.create(
            name="Own", owner=member, endpoint=fake_config.endpoint, model="fake-1"
        )
        ModelProfile.objects.create(key=f"profile-{number}", config=fake_config)
        other = Endpoint.objects.create(name=f"E{number}", provider="openai")
        Lane.objects.get_or_create(endpoint=other)
        Favourite.objects.create(user=member, config=fake_config)
        ApiKey.objects.create(
            user=member, endpoint=other, secret=f"{CANARY}-own", last_four=CANARY[-4:]
        )
        ModelPrice.objects.create(endpoint=other, model="m", in_usd=1, out_usd=2)
        Redirect.objects.create(endpoint=other, to=fake_config, made_by=root)
        _fill_limits(ask.request, other, member, maestro)
        place = Subforum.objects.create(name=f"S{number}", slug=f"s{number}")
        SubforumPersona.objects.create(
            subforum=place, persona=maestro, assigned_by=member
        )
        WorkerHeartbeat.objects.create(name=f"w{number}", seen_at=timezone.now())
        record(actor=member, action="test done", subject=("test", number))
    for _ in range(3):
        trials.begin_trial(
            tester=root,
            chosen=maestro.versions.get(number=1),
            configs=[fake_config],
            sample=CANARY,
        )
    SiteSettings.load()
    PersonaCard.objects.create(persona=maestro, source=CANARY)
    Trial.objects.filter(pk=Trial.objects.latest("pk").pk).update(
        version=None, definition={"voice": CANARY}
    )
    TrialRun.objects.update(answer=CANARY)
    Endpoint.objects.update(site_key=f"{CANARY}-key")
    User.objects.exclude(pk=root.pk).update(password=f"{CANARY}-hash")
    Post.objects.update(body=CANARY, html=CANARY)
    PromptPart.objects.update(text=CANARY)
    LLMAttempt.objects.update(answer=CANARY)
    PersonaVersion.objects.create(
        persona=maestro, number=99, role=CANARY, instructions=CANARY, voice=CANARY
    )


def _fill_limits(request, endpoint, member, persona) -> None:
    limit = SpendLimit.objects.create(
        scope="member", key=str(member.pk), period="daily", requests=9
    )
    bucket = SpendBucket.objects.create(limit=limit, period_key="2026-11-21")
    Reservation.objects.create(request=request, bucket=bucket, requests=1)
    DailyUsage.objects.create(
        key=str(member.pk),
        day=timezone.now(),
        member=member,
        persona=persona,
        endpoint=endpoint,
        model="m",
    )
    Stop.objects.create(scope="endpoint", key=str(endpoint.pk), set_by=member)
    ScheduleWindow.objects.create(
        endpoint=endpoint, weekdays=[5], start_hour=22, end_hour=6, made_by=member
    )
    SimulatedFailure.objects.create(
        endpoint=endpoint, outcome="overloaded", calls_left=1, until=timezone.now()
    )


def address_of(model, page: str, *args) -> str:
    name = f"{model._meta.app_label}_{model._meta.model_name}_{page}"
    return reverse(f"admin:{name}", args=args)


def pages_of(model) -> list[str]:
    """The list, the page of each row, its deletion, and the form for a new one."""
    rows = [
        address_of(model, page, row.pk)
        for row in model.objects.all()
        for page in ("change", "delete")
    ]
    return [address_of(model, "changelist"), address_of(model, "add"), *rows]


def label(model) -> str:
    return str(model._meta.label)


@pytest.mark.requirement("F-16")
def test_every_model_of_ours_is_there_and_can_be_searched():
    registered = dict(admin.site._registry)

    assert set(registered) == set(MODELS)
    assert [label(it) for it in MODELS if not registered[it].search_fields] == []


@pytest.mark.fault("A-SEC-1", "A-XSS-1")
@pytest.mark.parametrize("model", MODELS, ids=label)
def test_no_page_shows_a_secret_or_what_somebody_wrote(visit, root, filled, model):
    secrets = [CANARY, root.password, Session.objects.get().session_key]
    leases = LLMAttempt.objects.values_list("lease_token", flat=True)
    secrets += [str(token) for token in leases]

    for page in ["/admin/", *pages_of(model)]:
        answer = visit.get(page)

        assert answer.status_code in (200, 403), page
        assert [secret for secret in secrets if secret in answer.text] == [], page
        assert "unsafe" not in answer["Content-Security-Policy"]
        assert " style=" not in answer.text
        assert "<style" not in answer.text


@pytest.mark.fault("A-SEC-1")
@pytest.mark.parametrize(
    ("model", "query"),
    [
        (User, "password__startswith=c"),
        (Endpoint, "site_key__startswith=c"),
        (ApiKey, "secret__startswith=c"),
        (ApiKey, "last_four=5e1f"),
        (LLMConfig, "endpoint__site_key__startswith=c"),
        (LLMConfig, "owner__password__startswith=c"),
        (PromptPart, "text__contains=c"),
        (LLMRequest, "last_attempt__answer__contains=c"),
    ],
)
def test_no_address_asks_for_a_secret_bit_by_bit(visit, filled, model, query):
    assert visit.get(f"{address_of(model, 'changelist')}?{query}").status_code == 400


@pytest.mark.parametrize("model", MODELS, ids=label)
def test_a_list_costs_the_same_whatever_its_length(visit, filled, model, monkeypatch):
    address = address_of(model, "changelist")
    costs = []
    for rows in (50, 1):
        monkeypatch.setattr(admin.site._registry[model], "list_per_page", rows)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page = visit.get(address)
        assert page.status_code == 200
        costs.append(len(queries))

    assert costs[0] == costs[1] <= 10


@pytest.mark.parametrize("model", MODELS, ids=label)
def test_a_row_s_page_takes_a_bounded_number_of_queries(visit, filled, model):
    with CaptureQueriesContext(connection) as queries:
        row = model.objects.latest("pk")
        assert visit.get(address_of(model, "change", row.pk)).status_code == 200

    assert len(queries) <= 25


@pytest.mark.parametrize("page", ["change", "delete"])
def test_a_row_is_found_by_no_field_as_by_its_key(visit, filled, page):
    subforum = Subforum.objects.latest("pk")

    answer = visit.get(address_of(Subforum, page, subforum.pk), {"_to_field": ""})

    assert answer.status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=label)
def test_every_list_can_be_searched_for_anything(visit, filled, model):
    for words in ("maestro", "@alice", "@nobody", "1", '"a b', str(uuid.uuid4())):
        answer = visit.get(address_of(model, "changelist"), {"q": words})

        assert answer.status_code == 200, words


@pytest.mark.parametrize(
    ("model", "find", "count"),
    [
        (LLMRequest, lambda: "@bob", 1),
        (LLMRequest, lambda: str(LLMRequest.objects.latest("pk").public_id), 1),
        (LLMRequest, lambda: "fake-1", 3),
        (PromptPart, lambda: str(uuid.uuid4()), 0),
        (User, lambda: "@Alice", 1),
        (User, lambda: "ALICE@example.com", 1),
        (Topic, lambda: "soup", 1),
        (AuditEvent, lambda: "@carol", 1),
    ],
)
def test_a_search_finds(visit, filled, model, find, count):
    answer = visit.get(address_of(model, "changelist"), {"q": find()})

    assert answer.context["cl"].result_count == count


@pytest.mark.parametrize(
    "model", [it for it in MODELS if it not in CHANGEABLE], ids=label
)
def test_history_is_only_looked_at(visit, filled, model):
    row = model.objects.latest("pk")
    before = model.objects.filter(pk=row.pk).values().get()

    for page, args in (("add", []), ("change", [row.pk]), ("delete", [row.pk])):
        answer = visit.post(address_of(model, page, *args), {"post": "yes"})

        assert answer.status_code == 403
    assert model.objects.filter(pk=row.pk).values().get() == before
