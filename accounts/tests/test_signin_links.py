"""The link that signs a site owner in once."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.signin_links import _Tokens, signin_link
from core.logs import LineFormatter

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(alice, settings) -> str:
    return signin_link(alice).removeprefix(settings.SITE_URL)


def is_signed_in(client):
    return client.get("/settings/").status_code == 200


def test_looking_at_the_link_uses_nothing_up(client, path):
    for _ in range(2):
        page = client.get(path)
        assert page.status_code == 200
        assert "Sign in as alice" in page.content.decode()
        assert "no-store" in page["Cache-Control"]

    assert not is_signed_in(client)


def test_the_link_is_in_no_log(path, caplog):
    client = Client(enforce_csrf_checks=True)

    assert client.post(path).status_code == 403

    lines = [LineFormatter().format(record) for record in caplog.records]
    assert any("/signin/..." in line for line in lines)
    assert not any(path.split("/")[-2] in line for line in lines)


def test_the_button_signs_in_once(client, path):
    assert client.post(path)["Location"] == "/"
    assert is_signed_in(client)

    client.post("/accounts/logout/")
    again = client.post(path)

    assert again.status_code == 404
    assert "This link does not work" in again.content.decode()
    assert not is_signed_in(client)


def test_a_newer_signin_ends_the_link(client, alice, path):
    client.force_login(alice)
    client.logout()

    assert client.get(path).status_code == 404


def test_an_old_link_does_not_work(client, path, settings, monkeypatch):
    now = _Tokens()._now()
    later = now + settings.SIGNIN_LINK_AGE + timedelta(seconds=2)
    monkeypatch.setattr(_Tokens, "_now", lambda self: later)

    assert client.get(path).status_code == 404


def test_a_link_for_somebody_else_does_not_work(client, alice, bob, path):
    token = path.rstrip("/").rpartition("/")[2]
    foreign = signin_link(bob).rstrip("/").rpartition("/")[0].partition("/signin")[2]

    assert client.post(f"/signin{foreign}/{token}/").status_code == 404
    assert client.post(f"{path[:-2]}x/").status_code == 404
    assert client.get("/signin/!!/x/").status_code == 404
    assert not is_signed_in(client)


def test_a_member_who_is_shut_out_stays_out(client, alice, path):
    alice.is_active = False
    alice.save()

    assert client.post(path).status_code == 404


def test_the_command_prints_a_link(alice, client, capsys, settings):
    call_command("signin_link", "ALICE@example.com")

    printed = capsys.readouterr().out.strip()
    assert printed.startswith(f"{settings.SITE_URL}/signin/")
    assert client.get(printed.removeprefix(settings.SITE_URL)).status_code == 200


def test_the_command_names_an_unknown_member(db):
    with pytest.raises(CommandError, match="no member"):
        call_command("signin_link", "nobody@example.com")
