"""The admin: who gets in, what may be changed, what is recorded."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.admin_site import MOST_LISTED, BoundedPaginator
from accounts.models import AuditEvent, User
from core.models import Handle
from forum.models import (
    Subforum,
    SubforumPersona,
)
from llmconfig.models import (
    LLMConfig,
)
from personas.models import (
    Persona,
)
from tests.test_admin import address_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(make_member) -> User:
    return make_member("root", is_staff=True, is_superuser=True)


@pytest.fixture
def visit(root) -> Client:
    client = Client()
    client.force_login(root)
    return client


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
