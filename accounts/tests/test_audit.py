"""Settings > Audit: who may read the record of changes, and how it is narrowed."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEvent
from accounts.services import record

pytestmark = pytest.mark.django_db

LIST = "/settings/audit/"


@pytest.fixture
def visit(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def events(alice, bob) -> list[AuditEvent]:
    return [
        record(actor=alice, action="endpoint changed", subject=("endpoint", 1)),
        record(
            actor=bob,
            action="endpoint deleted",
            subject=("endpoint", 2),
            fields=["name", "<b>"],
            has_key=True,
        ),
        record(actor=None, action="endpoint connected", subject=("endpoint", 3)),
    ]


def shown(page) -> list[str]:
    return [told.event.action for told in page.context["events"]]


@pytest.mark.parametrize(("name", "status"), [(None, 302), ("alice", 404)])
def test_only_staff_read_it(client, request, events, name, status):
    if name:
        client.force_login(request.getfixturevalue(name))

    assert client.get(LIST).status_code == status


@pytest.mark.requirement("D-55")
def test_staff_read_it_newest_first(visit, events):
    page = visit.get(LIST)

    assert shown(page) == ["endpoint connected", "endpoint deleted", "endpoint changed"]
    assert "<h2>A command connected endpoint 3</h2>" in page.text
    assert '<h2><a href="/u/bob/">@bob</a> deleted endpoint 2</h2>' in page.text
    assert "<dd>name, &lt;b&gt;</dd>" in page.text
    assert "<dt>has key</dt><dd>yes</dd>" in page.text


@pytest.mark.requirement("D-55")
def test_it_is_written_in_plain_words(visit, alice):
    record(
        actor=alice,
        action="llmconfig made_default",
        subject=("llmconfig", 7),
        name="gpt_4",
        fields=[],
        is_tried=False,
    )

    page = visit.get(LIST).text

    assert "</a> made the model gpt_4 the site&#x27;s default</h2>" in page
    assert "<dt>fields</dt><dd>none</dd>" in page
    assert "<dt>tried</dt><dd>no</dd>" in page
    assert shown(visit.get(LIST, {"kind": "Model"})) == ["llmconfig made_default"]


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ({"actor": "@Alice"}, ["endpoint changed"]),
        ({"kind": "endpoint", "key": "2"}, ["endpoint deleted"]),
        ({"kind": "user"}, []),
        ({"actor": "bob", "key": "1"}, []),
    ],
)
def test_it_is_narrowed_by_who_and_what(visit, events, query, actions):
    assert shown(visit.get(LIST, query)) == actions


def test_what_a_member_did_is_found_when_they_are_gone(visit, events, alice):
    alice.is_active = False
    alice.save()

    assert shown(visit.get(LIST, {"actor": "alice"})) == ["endpoint changed"]


def test_an_unknown_member_is_said(visit, events):
    page = visit.get(LIST, {"actor": "nobody"})

    assert page.status_code == 422
    assert "There is no member @nobody." in page.text


def test_pages_are_found_by_key_and_cost_the_same(visit, events, alice, monkeypatch):
    monkeypatch.setattr("accounts.views.AUDIT_PAGE_SIZE", 1)
    costs, actions, query = [], [], ""
    for _ in events:
        with CaptureQueriesContext(connection) as queries:
            page = visit.get(f"{LIST}?{query}")
        costs.append(len(queries))
        actions += shown(page)
        query = page.context.get("older", "")

    assert actions == ["endpoint connected", "endpoint deleted", "endpoint changed"]
    assert query == ""
    assert set(costs) == {costs[0]}


@pytest.mark.parametrize("before", ["x", "-1", "9" * 19, "²"])
def test_a_page_we_cannot_have_named_is_not_found(visit, before):
    assert visit.get(LIST, {"before": before}).status_code == 404


@pytest.mark.requirement("D-55")
@pytest.mark.parametrize("change", ["update", "delete"])
def test_the_database_keeps_what_was_written(events, change):
    rows = AuditEvent.objects.filter(pk=events[0].pk)

    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        rows.update(action="x") if change == "update" else rows.delete()

    assert AuditEvent.objects.count() == 3
