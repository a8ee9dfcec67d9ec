"""Joining, signing in and new passwords are slow for whoever tries many."""

import pytest
from django.core import mail

from accounts.models import User
from forllm.rates import account_rates

pytestmark = pytest.mark.django_db

SIGNUP, LOGIN, RESET = (
    "/accounts/signup/",
    "/accounts/login/",
    "/accounts/password/reset/",
)
HERE, THERE = "198.51.100.7", "203.0.113.9"


@pytest.fixture(autouse=True)
def _rates(settings) -> None:
    rates = {
        "sign_ins": [(10, 60.0)],
        "account_sign_ins": [(5, 300.0)],
        "sign_ups": [(2, 3600.0)],
        "resets": [(2, 3600.0)],
    }
    settings.RATES = rates
    settings.ACCOUNT_RATE_LIMITS = account_rates(rates)


def join(client, handle: str, *, address: str = HERE, **other):
    client.logout()
    values = {
        "handle": handle,
        "email": f"{handle}@example.com",
        "password1": "a long enough one",
        "password2": "a long enough one",
    }
    return client.post(SIGNUP, values | other, REMOTE_ADDR=address)


@pytest.mark.requirement("R-95", "R-96")
@pytest.mark.fault("A-RATE-1")
def test_one_address_makes_only_so_many_accounts(client):
    found = [join(client, name) for name in ("dora", "emil", "fritz")]

    assert [page.status_code for page in found] == [302, 302, 429]
    assert found[2]["Retry-After"] == "3600"
    text = found[2].content.decode()
    assert "Too many accounts were made from your address." in text
    assert 'value="fritz"' in text
    assert User.objects.count() == 2
    assert join(client, "fritz", address=THERE).status_code == 302


@pytest.mark.requirement("R-95")
def test_who_mistypes_when_joining_may_go_on(client):
    for _ in range(5):
        assert join(client, "dora", password2="another one").status_code == 200

    assert join(client, "dora").status_code == 302


@pytest.mark.fault("A-ENUM-1")
def test_who_looks_for_accounts_by_joining_soon_learns_nothing(client, alice):
    taken, mistyped = {"email": alice.email}, {"password2": "another one"}

    told = [join(client, "dora", **taken, **mistyped) for _ in range(3)]
    last = join(client, "dora", **mistyped)

    assert [page.status_code for page in told] == [200, 200, 429]
    assert last.status_code == 429
    assert "already registered" in told[1].content.decode()
    for page in (told[2], last):
        errors = page.context["form"].errors
        assert list(errors) == ["__all__"]


@pytest.mark.requirement("R-95", "R-96")
@pytest.mark.fault("A-RATE-1")
def test_an_account_is_tried_only_so_often(client, alice):
    values = {"login": alice.email, "password": "wrong"}

    found = [client.post(LOGIN, values, REMOTE_ADDR=HERE) for _ in range(6)]

    assert [page.status_code for page in found] == [200] * 5 + [429]
    assert found[5]["Retry-After"] == "300"
    text = found[5].content.decode()
    assert "Too many failed login attempts" in text
    assert alice.email in text
    page = client.post(LOGIN, values | {"login": "b@example.com"}, REMOTE_ADDR=HERE)
    assert page.status_code == 200


@pytest.mark.requirement("R-95")
@pytest.mark.fault("A-RATE-1", "A-RATE-2")
def test_one_address_tries_only_so_many_accounts_whatever_it_claims_to_be(client):
    def try_account(at: int, *, address: str = HERE) -> int:
        page = client.post(
            LOGIN,
            {"login": f"member-{at}@example.com", "password": "wrong"},
            REMOTE_ADDR=address,
            headers={"X-Forwarded-For": f"192.0.2.{at}"},
        )
        return page.status_code

    assert [try_account(at) for at in range(11)] == [200] * 10 + [429]
    assert try_account(12, address=THERE) == 200


@pytest.mark.requirement("R-95", "R-96")
@pytest.mark.fault("A-RATE-1", "A-ENUM-1")
def test_one_address_asks_only_for_so_many_new_passwords(client, alice):
    found = [
        client.post(RESET, {"email": email}, REMOTE_ADDR=HERE)
        for email in (alice.email, "nobody@example.com", alice.email)
    ]

    assert [page.status_code for page in found] == [302, 302, 429]
    assert found[2]["Retry-After"] == "3600"
    assert "A new password was asked for too often." in found[2].content.decode()
    assert len(mail.outbox) == 2


def test_an_account_gets_only_so_many_mails_from_many_addresses(client, alice):
    found = [
        client.post(
            RESET, {"email": alice.email}, REMOTE_ADDR=f"198.51.100.{at}"
        ).status_code
        for at in range(3)
    ]

    assert found == [302, 302, 429]
