"""Joining, signing in, verifying an address, a new password: allauth in our look."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail

from accounts import adapter
from accounts.models import User
from accounts.tiers import Tier, tier_of
from core.errors import HandleRefused
from core.models import Handle, SiteSettings
from core.services import claim_handle

pytestmark = pytest.mark.django_db

SIGNUP = "/accounts/signup/"
VALUES = {
    "handle": "dora",
    "email": "dora@example.com",
    "password1": "a long enough one",
    "password2": "a long enough one",
}


def link_in(message):
    return re.search(r"http://[^/]+(/\S+)", message.body)[1]


@pytest.mark.requirement("C-26", "F-08", "M-30")
def test_somebody_joins_and_confirms_their_address(client):
    response = client.post(SIGNUP, VALUES)

    member = User.objects.get(email="dora@example.com")
    assert response.status_code == 302
    assert member.handle.name == "dora"
    assert client.get("/settings/").status_code == 200
    message = mail.outbox[0]
    assert message.subject == "FORLLM: Please confirm your email address"
    assert "@dora of FORLLM" in message.body
    link = link_in(message)
    assert client.get(link).status_code == 200
    assert tier_of(member) == Tier.SAMPLE
    client.post(link)
    assert member.emailaddress_set.get().verified
    assert tier_of(member) == Tier.VERIFIED


@pytest.mark.requirement("C-26", "M-26")
@pytest.mark.parametrize("source", ["mail", "another service"])
def test_an_address_counts_whoever_found_it_to_be_theirs(make_member, source):
    member = make_member("dora", is_confirmed=False)
    if source == "mail":
        member.emailaddress_set.get().set_verified()
    else:  # as allauth keeps what a service such as Google vouches for
        EmailAddress.objects.create(
            user=member, email="dora@mail.example", verified=True
        )

    assert tier_of(member) == Tier.VERIFIED


MAILS = [
    ("/accounts/signup/", VALUES),
    ("/accounts/password/reset/", {"email": "alice@example.com"}),
    ("/accounts/password/reset/", {"email": "nobody@example.com"}),
]


@pytest.mark.parametrize(("address", "values"), MAILS)
def test_mails_name_the_site_and_not_its_host(client, alice, address, values):
    SiteSettings.objects.update_or_create(pk=1, defaults={"site_name": "Ann & Bo's"})

    client.post(address, values)

    message = mail.outbox[0]
    assert message.subject.startswith("Ann & Bo's: ")
    assert "Ann & Bo's" in message.body
    assert "testserver" not in re.sub(r"http://\S+", "", message.body)


@pytest.mark.parametrize(("address", "values"), MAILS)
def test_mails_lead_to_the_site_whatever_host_was_asked(
    client, alice, settings, address, values
):
    settings.ALLOWED_HOSTS = ["*"]
    settings.SITE_URL = "https://forum.example"

    client.post(address, values, headers={"Host": "evil.example:8443"})

    links = re.findall(r"https?://[^\s/]+", mail.outbox[0].body)
    assert set(links) == {"https://forum.example"}
    assert "evil.example" not in mail.outbox[0].body


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("short1!", "too short"),
        ("password123", "too common"),
        ("dora@example.com", "too similar"),
        ("1234", "too short"),
    ],
)
def test_a_weak_password_is_refused_with_the_reason(client, password, fault):
    twice = {"password1": password, "password2": password}

    page = client.post(SIGNUP, VALUES | twice).content.decode()

    assert fault in page
    assert not User.objects.exists()


def test_pages_say_join_and_sign_in(client, db):
    for page in ("login", "signup", "logout"):
        text = client.get(f"/accounts/{page}/", follow=True).content.decode().lower()
        assert not re.search(r"sign ?up\b", re.sub(r"<[^>]*>", "", text))


def test_a_box_stands_before_its_label(client, db):
    page = client.get("/accounts/login/").content.decode()

    assert page.index('name="remember"') < page.index('for="id_remember"')


@pytest.mark.parametrize("page", ["login", "signup"])
def test_an_address_that_is_none_is_not_gone_to(client, alice, page):
    address = f"/accounts/{page}/?next=http://[::1"
    values = {"login": "alice@example.com", "password": "password-of-alice"}

    assert client.get(address).status_code == 200
    answer = client.post(address, values if page == "login" else VALUES)

    assert answer["Location"] == "/"


def test_a_member_signs_in_while_valkey_is_away(client, alice, servers):
    values = {"login": "alice@example.com", "password": "password-of-alice"}
    servers.stop_valkey()

    try:
        answer = client.post("/accounts/login/", values)
    finally:
        servers.start_valkey()

    assert answer.status_code == 302


def test_a_wrong_password_is_counted(client, alice):
    values = {"login": "alice@example.com", "password": "wrong"}

    for _ in range(11):
        page = client.post("/accounts/login/", values)

    assert "Too many failed login attempts" in page.content.decode()


@pytest.mark.requirement("D-40", "F-08")
def test_a_member_signs_in_and_out(client, alice):
    values = {"login": "alice@example.com", "password": "password-of-alice"}

    response = client.post("/accounts/login/?next=/settings/", values)
    assert response["Location"] == "/settings/"
    client.post("/accounts/logout/")

    assert client.get("/settings/").status_code == 302


def test_nobody_is_signed_out_by_a_link(client, alice):
    client.force_login(alice)

    client.get("/accounts/logout/")

    assert client.get("/settings/").status_code == 200


@pytest.mark.requirement("F-08")
def test_a_forgotten_password_is_set_anew(client, alice):
    client.post("/accounts/password/reset/", {"email": "alice@example.com"})
    form = client.get(link_in(mail.outbox[0]), follow=True)
    new = {"password1": "quite another one", "password2": "quite another one"}
    client.post(form.request["PATH_INFO"], new)

    alice.refresh_from_db()
    assert alice.check_password("quite another one")
    used = client.get(link_in(mail.outbox[0]), follow=True).text
    assert "This link does not work" in used
    assert 'href="/accounts/password/reset/"' in used


@pytest.mark.requirement("F-08")
def test_an_address_is_confirmed_and_whose_it_is_is_said(client):
    client.post(SIGNUP, VALUES)
    link = link_in(mail.outbox[0])

    page = client.get(link).text
    client.post(link)

    assert f"Is {VALUES['email']} the address of @{VALUES['handle']}?" in page
    assert EmailAddress.objects.get().verified
    assert "This link does not work" in client.get("/accounts/confirm-email/no/").text


@pytest.mark.requirement("F-08")
@pytest.mark.parametrize(
    "handle",
    [
        *["admin", "ALICE", "a1ice", "x", "with space", "ünï", "a\x00b", ""],
        *["DocumentAssistant", "document-assistant", "maestro-ai", "MaestroBot"],
        *["forllm-staff", "ai-persona"],
    ],
)
def test_a_handle_that_cannot_be_is_refused(client, alice, handle):
    page = client.post(SIGNUP, VALUES | {"handle": handle})

    assert 'class="errorlist"' in page.content.decode()
    assert User.objects.count() == 1


@pytest.mark.requirement("F-08")
def test_a_name_shown_by_a_persona_since_is_no_handle(db):
    with pytest.raises(HandleRefused):
        claim_handle(name="DocumentAssistant")

    assert claim_handle(name="DocumentAssistant", allow_reserved=True).pk


@pytest.mark.requirement("F-08")
def test_a_handle_taken_meanwhile_is_said_in_the_form(client, monkeypatch):
    def taken(**_):
        raise HandleRefused("This handle, or one that looks like it, is taken.")

    monkeypatch.setattr(adapter.core, "claim_handle", taken)

    page = client.post(SIGNUP, VALUES)

    assert page.status_code == 422
    assert "is taken" in page.content.decode()
    assert not User.objects.exists()


def test_an_address_taken_meanwhile_leaves_no_handle_behind(client, alice, monkeypatch):
    from allauth.account import forms

    # The look-up before the insert sees nothing yet.
    monkeypatch.setattr(
        forms.BaseSignupForm, "validate_unique_email", lambda self, value: value
    )

    page = client.post(SIGNUP, VALUES | {"email": "Alice@example.com"})

    assert page.status_code == 422
    assert not Handle.objects.filter(name="dora").exists()


def test_an_address_joins_once(client, alice):
    page = client.post(SIGNUP, VALUES | {"email": "Alice@example.com"})

    assert 'class="errorlist"' in page.content.decode()
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "address",
    ["login/", "signup/", "password/reset/", "confirm-email/", "password/reset/done/"],
)
def test_allauths_pages_are_in_our_look(client, db, address):
    page = client.get(f"/accounts/{address}").content.decode()

    assert '<a class="mark" href="/">' in page
    assert page.count("<h1") == 1


@pytest.mark.parametrize("address", ["email/", "password/change/", "logout/"])
def test_allauths_settings_stand_among_ours(client, alice, address):
    client.force_login(alice)

    page = client.get(f"/accounts/{address}").content.decode()

    assert 'class="tabs"' in page
    assert page.count("<h1") == 1
