"""Nothing is changed by a page of another site, and nothing by looking."""

import runpy

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client

from tests.safety.conftest import Stage, missing
from tests.safety.database import changed_columns, changes, rows_of, snapshot
from tests.safety.routes import all_routes, is_staff_only

UNSAFE = ("post", "put", "patch", "delete")
# Addresses that a page of another site may post to. None.
EXEMPT: set[str] = set()
# Sessions are renewed, and allauth counts tries, by looking as well.
LIVING = ("django_session", "core_cache")


@pytest.fixture
def strict(people) -> Client:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(people["superuser"])
    return client


def made_up_addresses() -> list[str]:
    """One address of every route, whatever is there: the check comes before the view."""
    return [route.address(missing(route)) for route in all_routes()]


@pytest.mark.fault("A-CSRF-1")
def test_no_route_is_exempt():
    exempt = {
        route.name
        for route in all_routes()
        if getattr(route.view, "csrf_exempt", False)
    }

    assert exempt == EXEMPT


def refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Says only that the check refused; our own page takes ten times as long to make."""
    return HttpResponse("refused by the check", status=403)


@pytest.mark.fault("A-CSRF-1")
@pytest.mark.parametrize(
    "kind", ["none", "wrong", "of another session", "foreign origin"]
)
def test_unsafe_methods_need_the_token_of_this_site(
    strict: Client, clients, kind, settings
):
    settings.CSRF_FAILURE_VIEW = f"{__name__}.refused"
    own = token_of(strict)
    sent = {
        "none": "",
        "wrong": "x" * 64,
        "of another session": token_of(clients["other"]),
        "foreign origin": own,
    }[kind]
    headers = {"origin": "https://evil.example"} if kind == "foreign origin" else {}

    let_in = [
        f"{method} {address}"
        for address in made_up_addresses()
        for method in UNSAFE
        if getattr(strict, method)(
            address, headers={"x-csrftoken": sent, **headers}
        ).content
        != refused(HttpRequest()).content
    ]

    assert let_in == []


@pytest.mark.fault("A-CSRF-1")
def test_a_form_with_its_token_is_taken(strict: Client):
    """Otherwise the test above would pass with everything refused."""
    form = {"csrfmiddlewaretoken": token_of(strict), "timezone": "UTC"}
    assert strict.post("/settings/", form).status_code == 302


@pytest.mark.fault("A-CSRF-1")
def test_nobody_is_signed_in_by_another_site(alice):
    guest = Client(enforce_csrf_checks=True)
    guest.get("/accounts/login/")
    form = {"login": alice.email, "password": "password-of-alice"}

    for headers in ({}, {"origin": "https://evil.example"}, {"origin": "null"}):
        assert guest.post("/accounts/login/", form, headers=headers).status_code == 403
    assert "_auth_user_id" not in guest.session


def token_of(client: Client) -> str:
    client.get("/accounts/password/change/")
    return client.cookies[settings.CSRF_COOKIE_NAME].value


# What looking changes, by table: a notice is seen by whom it tells.
SEEN = {
    "superuser": {},
    "owner": {"forum_notice": {"seen_at"}, "accounts_user": {"unseen_notices"}},
}


@pytest.mark.fault("A-CSRF-2")
@pytest.mark.parametrize("actor", SEEN)
def test_looking_at_every_page_changes_nothing(stage: Stage, actor):
    client, allowed = stage.clients[actor], SEEN[actor]
    addresses = [a for route in all_routes() for a in stage.addresses_of(route)]
    before = snapshot(without=LIVING)
    rows_before = {table: rows_of(table) for table in allowed}

    for address in addresses:
        client.get(address)
        client.get(address, headers={"HX-Request": "true"})
        client.head(address)
        client.options(address)

    # The admin's pages of single rows have a test of their own (test_admin.py).
    assert len(addresses) >= len([it for it in all_routes() if not is_staff_only(it)])
    assert set(changes(before, snapshot(without=LIVING))) == set(allowed)
    for table, columns in allowed.items():
        assert changed_columns(rows_before[table], rows_of(table)) == columns


@pytest.fixture
def https(settings, monkeypatch) -> None:
    """The settings of a site on https, read as at its start."""
    monkeypatch.setenv("SITE_URL", "https://forum.example")
    monkeypatch.setenv("ALLOWED_HOSTS", "forum.example")
    fresh = runpy.run_path(str(settings.BASE_DIR / "forllm" / "settings.py"))
    prefixes = ("SESSION_COOKIE", "CSRF_", "SECURE_", "SITE_URL", "ALLOWED_HOSTS")
    for name, value in fresh.items():
        if name.startswith(prefixes):
            setattr(settings, name, value)


@pytest.mark.requirement("D-35", "D-40")
@pytest.mark.fault("A-CSRF-3")
def test_cookies_of_an_https_site_are_bound_to_it(https, alice):
    browser = Client(headers={"host": "forum.example"})
    browser.get("/accounts/login/", secure=True)
    form = {"login": alice.email, "password": "password-of-alice"}
    answer = browser.post("/accounts/login/", form, secure=True)

    assert answer.status_code == 302
    assert set(browser.cookies) >= {"__Host-session", "__Host-csrf"}
    for name, cookie in browser.cookies.items():
        if not cookie.value:
            continue
        assert name.startswith("__Host-"), name
        assert cookie["secure"], name
        assert cookie["samesite"] == "Lax", name
        assert (cookie["path"], cookie["domain"]) == ("/", ""), name
    assert browser.cookies["__Host-session"]["httponly"]
    assert browser.cookies["__Host-csrf"]["httponly"]


@pytest.mark.fault("A-CSRF-3")
def test_an_https_site_is_never_asked_for_by_http_again(https):
    browser = Client(headers={"host": "forum.example"})

    plain = browser.get("/accounts/login/")
    secure = browser.get("/accounts/login/", secure=True)

    assert plain.status_code == 301
    assert plain["Location"] == "https://forum.example/accounts/login/"
    value = secure["Strict-Transport-Security"]
    assert int(value.split("max-age=")[1].split(";")[0]) >= 31_536_000
    assert "includeSubDomains" in value
