"""Settings > Site, and the tabs that lead there."""

import pytest

from accounts.models import AuditEvent
from core.models import SiteSettings

pytestmark = pytest.mark.django_db

SITE = "/settings/site/"
VALUES = {"site_name": "The Inn", "site_rules": "Be kind."}


@pytest.fixture
def visit(client, staff):
    client.force_login(staff)
    return client


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(("name", "status"), [(None, 302), ("alice", 404)])
def test_only_staff_change_the_site(client, request, name, status, method):
    if name:
        client.force_login(request.getfixturevalue(name))

    assert getattr(client, method)(SITE, VALUES).status_code == status
    assert SiteSettings.load().site_name == "FORLLM"


@pytest.mark.requirement("F-16", "D-44")
def test_staff_change_the_site_on_the_record(visit, staff):
    page = visit.post(SITE, VALUES, follow=True)

    assert "are saved" in page.text
    assert 'value="The Inn"' in page.text
    site = SiteSettings.load()
    assert (site.site_name, site.site_rules) == ("The Inn", "Be kind.")
    event = AuditEvent.objects.get()
    assert (event.actor, event.action) == (staff, "sitesettings changed")
    assert event.detail == {
        "fields": ["site_name", "site_rules"],
        "only_staff_assign": False,
    }


def test_saving_what_stands_already_is_no_change(visit):
    for _ in range(2):
        visit.post(SITE, VALUES)

    assert AuditEvent.objects.count() == 1


def test_the_page_says_that_the_environment_has_switched_ai_off(visit, settings):
    settings.AI_FEATURES_ENABLED = False

    assert "AI_FEATURES_ENABLED" in visit.get(SITE).text


@pytest.mark.parametrize(
    "wrong",
    [
        {"site_name": ""},
        {"site_name": "\u200b"},
        {"site_name": "x" * 61},
        {"site_rules": "x" * 4001},
    ],
)
def test_bad_input_changes_nothing(visit, wrong):
    page = visit.post(SITE, VALUES | wrong)

    assert page.status_code == 422
    assert SiteSettings.load().site_name == "FORLLM"
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize(
    ("rights", "tabs"),
    [
        ({}, []),
        ({"is_staff": True}, ["site/", "endpoints/", "audit/"]),
        (
            {"is_staff": True, "is_superuser": True},
            ["site/", "endpoints/", "audit/", "/admin/"],
        ),
    ],
)
def test_tabs_are_those_that_one_may_open(client, make_member, rights, tabs):
    client.force_login(make_member("dora", **rights))
    every = ["site/", "endpoints/", "audit/", "/admin/"]

    page = client.get("/settings/").text
    addresses = {it: it if it[0] == "/" else f"/settings/{it}" for it in every}

    assert [it for it in every if f'href="{addresses[it]}"' in page] == tabs
    for tab in tabs:
        assert client.get(addresses[tab]).status_code == 200
