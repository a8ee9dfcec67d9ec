"""The admin: who gets in, what each page shows, what may be changed, what is recorded."""

import uuid

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.admin_site import MOST_LISTED, BoundedPaginator
from accounts.models import AuditEvent, User
from accounts.services import record
from core.models import Handle, SiteSettings
from forum.models import (
    Notice,
    NoticeKind,
    Post,
    PostRevision,
    Subforum,
    SubforumPersona,
    Topic,
)
from forum.services import asks
from llmconfig.models import (
    AISettings,
    Endpoint,
    LLMConfig,
    ModelProfile,
    ProviderPreference,
)
from llmqueue import runner
from llmqueue.models import Lane, LLMAttempt, LLMRequest, PromptPart, WorkerHeartbeat
from personas.models import Persona, PersonaOwner, PersonaVersion, UserPersonaSettings

pytestmark = pytest.mark.django_db

OURS = {"core", "accounts", "llmconfig", "personas", "queue", "forum"}
MODELS = [model for model in apps.get_models() if model._meta.app_label in OURS]
CHANGEABLE = {
    User,
    SiteSettings,
    LLMConfig,
    ModelProfile,
    Subforum,
    SubforumPersona,
}
CANARY = "canary-5e1f"


@pytest.fixture
def root(make_member) -> User:
    return make_member("root", is_staff=True, is_superuser=True)


@pytest.fixture
def visit(root) -> Client:
    client = Client()
    client.force_login(root)
    return client


@pytest.fixture
def filled(root, topic, alice, bob, carol, fake_config, fake_llm) -> None:
    """Three rows of nearly every model, with canaries where a secret or a text stands."""
    maestro = Persona.objects.get(slug="maestro")
    opening = topic.posts.get()
    fake_llm.always_answers(f"{CANARY} answer")
    for number, member in enumerate([alice, bob, carol]):
        ask = asks.ask(post=opening, member=member, persona=maestro)
        runner.run_next()
        Notice.objects.get_or_create(
            ask=ask, defaults={"user": member, "kind": NoticeKind.READY}
        )
        PostRevision.objects.create(post=opening, body=CANARY, replaced_by=member)
        AISettings.objects.update_or_create(
            user=member, defaults={"default_config": fake_config}
        )
        ProviderPreference.objects.create(
            user=member, endpoint=fake_config.endpoint, model="fake-1"
        )
        PersonaOwner.objects.create(persona=maestro, user=member)
        UserPersonaSettings.objects.create(
            user=member, persona=maestro, config=fake_config
        )
        LLMConfig.objects.create(
            name="Own", owner=member, endpoint=fake_config.endpoint, model="fake-1"
        )
        ModelProfile.objects.create(key=f"profile-{number}", config=fake_config)
        Lane.objects.get_or_create(
            endpoint=Endpoint.objects.create(name=f"E{number}", provider="openai")
        )
        place = Subforum.objects.create(name=f"S{number}", slug=f"s{number}")
        SubforumPersona.objects.create(
            subforum=place, persona=maestro, assigned_by=member
        )
        WorkerHeartbeat.objects.create(name=f"w{number}", seen_at=timezone.now())
        record(actor=member, action="test done", subject=("test", number))
    SiteSettings.load()
    Endpoint.objects.update(site_key=f"{CANARY}-key")
    User.objects.exclude(pk=root.pk).update(password=f"{CANARY}-hash")
    Post.objects.update(body=CANARY, html=CANARY)
    PromptPart.objects.update(text=CANARY)
    LLMAttempt.objects.update(answer=CANARY)
    PersonaVersion.objects.create(
        persona=maestro, number=99, role=CANARY, instructions=CANARY, voice=CANARY
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


@pytest.mark.fault("A-PRIV-1")
@pytest.mark.parametrize("name", ["alice", "staff"])
def test_for_members_and_staff_it_does_not_exist(request, name, alice, subforum):
    client = Client()
    client.force_login(request.getfixturevalue(name))
    change = address_of(Subforum, "change", subforum.pk)
    changed = {"name": "Ours", "slug": "ours", "position": "1"}

    for page in ("/admin/", "/admin/nothing/", "/admin/jsi18n/", change):
        assert client.get(page).status_code == 404
    assert client.post(change, changed).status_code == 404
    assert client.get("/admin/login/", follow=True).status_code == 404
    subforum.refresh_from_db()
    assert subforum.name == "Kitchen"


@pytest.mark.fault("A-PRIV-1")
@pytest.mark.parametrize(
    "page", ["/admin/", "/admin/nothing/", "/admin/login/", "/admin/accounts/user/"]
)
def test_guests_are_sent_to_our_own_sign_in(client, page):
    answer = client.get(page, follow=True)

    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))
    assert "Admin" not in answer.text


def test_a_superuser_without_an_active_account_does_not_get_in(visit, root):
    User.objects.filter(pk=root.pk).update(is_active=False)

    assert visit.get("/admin/")["Location"].startswith(reverse("account_login"))


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


@pytest.mark.parametrize("model", set(MODELS) - CHANGEABLE, ids=label)
def test_history_is_only_looked_at(visit, filled, model):
    row = model.objects.latest("pk")
    before = model.objects.filter(pk=row.pk).values().get()

    for page, args in (("add", []), ("change", [row.pk]), ("delete", [row.pk])):
        answer = visit.post(address_of(model, page, *args), {"post": "yes"})

        assert answer.status_code == 403
    assert model.objects.filter(pk=row.pk).values().get() == before


def test_lists_are_counted_up_to_a_bound(monkeypatch):
    monkeypatch.setattr("accounts.admin_site.MOST_LISTED", 3)
    paginator = BoundedPaginator(Handle.objects.order_by("-pk"), 2)

    assert (paginator.count, paginator.num_pages, paginator.is_cut_off) == (3, 2, True)
    assert MOST_LISTED > 100


def test_a_list_that_is_cut_off_says_so(visit, monkeypatch):
    monkeypatch.setattr("accounts.admin_site.MOST_LISTED", 3)

    page = visit.get(address_of(Handle, "changelist")).text

    assert "The first 3; narrow the list to find the others." in page


def form_of(page, **changes) -> dict[str, object]:
    """What the form on an admin page would send, changed."""
    form = page.context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    given = values | changes
    return {
        name: value
        for name, value in given.items()
        if value is not None and value is not False
    }


def test_a_subforum_is_added_changed_and_deleted_and_recorded(visit, root):
    add = address_of(Subforum, "add")

    refused = visit.post(add, {"name": "Garden", "slug": "no slug", "position": "1"})
    visit.post(add, {"name": "Garden", "slug": "garden", "position": "1"})
    garden = Subforum.objects.get()
    change = address_of(Subforum, "change", garden.pk)
    visit.post(change, form_of(visit.get(change), description="Green."))
    visit.post(change, form_of(visit.get(change)))
    visit.post(address_of(Subforum, "delete", garden.pk), {"post": "yes"})

    assert "Enter a valid" in refused.text
    assert not Subforum.objects.exists()
    events = AuditEvent.objects.order_by("pk")
    assert [event.action for event in events] == [
        "subforum added",
        "subforum changed",
        "subforum deleted",
    ]
    assert {(it.actor, it.subject_key) for it in events} == {(root, str(garden.pk))}
    assert events[1].detail["fields"] == ["description"]
    assert "Green." not in str(events[1].detail)


def test_a_subforum_with_topics_is_not_deleted(visit, topic):
    delete = address_of(Subforum, "delete", topic.subforum_id)

    assert visit.post(delete, {"post": "yes"}).status_code == 403


def test_a_change_leaves_counters_that_were_raised_meanwhile(visit, topic, monkeypatch):
    change = address_of(Subforum, "change", topic.subforum_id)
    form = form_of(visit.get(change), description="Hot.")
    save = Subforum.save

    def save_late(self, *args, **kwargs):
        Subforum.objects.update(posts_count=77)
        return save(self, *args, **kwargs)

    monkeypatch.setattr(Subforum, "save", save_late)
    visit.post(change, form)

    subforum = Subforum.objects.get()
    assert (subforum.description, subforum.posts_count) == ("Hot.", 77)


def test_a_persona_is_assigned_by_whoever_did_it(visit, root, subforum):
    maestro = Persona.objects.get(slug="maestro")
    hidden = Persona.objects.get(slug="writer")
    Persona.objects.filter(pk=hidden.pk).update(visibility="private")
    add = address_of(SubforumPersona, "add")

    for persona in (hidden, maestro):
        visit.post(add, {"subforum": subforum.pk, "persona": persona.pk})

    assigned = SubforumPersona.objects.get()
    assert (assigned.persona, assigned.assigned_by) == (maestro, root)


def test_only_the_site_s_configs_are_changed_and_offered(visit, fake_config, alice):
    own = LLMConfig.objects.create(
        name="Mine", owner=alice, endpoint=fake_config.endpoint, model="fake-1"
    )
    change = address_of(LLMConfig, "change", fake_config.pk)
    form = form_of(visit.get(change))

    refused = [
        visit.post(change, form | {"temperature": "9"}),
        visit.post(change, form | {"fallback": str(own.pk)}),
        visit.post(address_of(LLMConfig, "change", own.pk), form),
        visit.post(address_of(LLMConfig, "delete", own.pk), {"post": "yes"}),
    ]
    visit.post(change, form | {"temperature": "0.5"})

    assert [answer.status_code for answer in refused] == [200, 200, 403, 403]
    fake_config.refresh_from_db()
    assert (fake_config.temperature, fake_config.fallback) == (0.5, None)
    assert fake_config.is_default
    assert AuditEvent.objects.get().action == "llmconfig changed"


@pytest.mark.requirement("F-38")
@pytest.mark.fault("A-PRIV-1")
def test_roles_are_given_and_taken_on_the_record(visit, root, alice):
    change = address_of(User, "change", alice.pk)

    page = visit.get(change)
    visit.post(change, form_of(page, is_staff="on", email="other@example.com"))

    assert set(page.context["adminform"].form.fields) == {
        "is_active",
        "is_staff",
        "is_superuser",
    }
    alice.refresh_from_db()
    assert (alice.is_staff, alice.email) == (True, "alice@example.com")
    event = AuditEvent.objects.get()
    assert (event.actor, event.action) == (root, "user roles_changed")
    assert event.subject_key == str(alice.pk)
    assert event.detail["is_staff"] is True


@pytest.mark.parametrize("role", ["is_active", "is_superuser"])
def test_nobody_takes_their_own_rights(visit, root, role):
    change = address_of(User, "change", root.pk)

    answer = visit.post(change, form_of(visit.get(change), **{role: False}))

    assert "You cannot switch off your own account" in answer.text
    root.refresh_from_db()
    assert getattr(root, role)
    assert not AuditEvent.objects.exists()


def test_a_row_s_history_is_the_record_of_changes(visit, subforum):
    answer = visit.get(address_of(Subforum, "history", subforum.pk))

    assert answer["Location"] == f"/settings/audit/?kind=subforum&key={subforum.pk}"


@pytest.mark.parametrize(
    ("page", "target"),
    [("logout", "account_logout"), ("password_change", "account_change_password")],
)
def test_signing_out_and_passwords_are_our_own_pages(visit, page, target):
    assert visit.get(f"/admin/{page}/")["Location"] == reverse(target)
