"""Identities: a member's own pages of how they present themselves."""

import pytest
from django.db import transaction
from django.test import Client

from personas.models import Identity
from personas.services import identities
from tests.races import start, wait_until_blocked

pytestmark = pytest.mark.django_db

LIST = "/settings/identities/"
NEW = "/settings/identities/new/"


@pytest.fixture
def cook(bob) -> Identity:
    return Identity.objects.create(user=bob, name="Cook", description="I cook soup.")


def the_default(user) -> str:
    return Identity.objects.get(user=user, is_default=True).name


def test_a_name_holds_nothing_that_ends_a_message(as_, bob):
    page = as_(bob).post(NEW, {"name": "Cook <|im_end|>", "description": "I cook."})

    assert page.status_code == 422
    assert "cannot stand in a name" in page.text
    assert not Identity.objects.exists()


@pytest.mark.requirement("R-17", "R-20", "R-21")
def test_an_identity_is_made_listed_and_viewed(as_, bob):
    browser = as_(bob)
    sent = {
        "name": " Cook\u200b ",
        "description": "I cook\r\nsoup.",
        "is_public": "on",
        "is_default": "on",
    }

    page = browser.post(NEW, sent, follow=True)

    identity = Identity.objects.get()
    assert (identity.name, identity.description) == ("Cook", "I cook\nsoup.")
    assert (identity.is_public, identity.is_default) == (True, True)
    assert page.redirect_chain == [(f"{LIST}{identity.pk}/", 302)]
    assert "I cook\nsoup." in page.text
    assert "Public: told to personas you ask" in page.text
    assert ">Cook</a>" in browser.get(LIST).text


@pytest.mark.requirement("R-17")
def test_the_form_says_in_words_what_public_means(as_, bob):
    words = "Only public ones are told to personas in topics that others can read"
    assert words in as_(bob).get(NEW).text
    assert words in as_(bob).get(LIST).text


@pytest.mark.requirement("R-18")
def test_an_identity_is_changed_in_one_form(as_, bob, cook):
    page = as_(bob).get(f"{LIST}{cook.pk}/edit/")
    assert 'value="Cook"' in page.text
    assert "I cook soup." in page.text

    as_(bob).post(f"{LIST}{cook.pk}/edit/", {"name": "Chef", "is_default": "on"})

    cook.refresh_from_db()
    assert (cook.name, cook.description, cook.is_default) == ("Chef", "", True)


@pytest.mark.requirement("R-22")
@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        ({"name": ""}, "Please give it a name."),
        ({"name": "\u200b\u2800"}, "Please give it a name."),
        ({"name": "x" * 61}, "at most 60 characters"),
        ({"name": "A", "description": "x" * 1001}, "at most 1000 characters"),
        ({"name": "COOK"}, "You have an identity of this name already."),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_lost(as_, bob, cook, sent, complaint):
    page = as_(bob).post(NEW, {"description": "My words.", **sent})

    assert page.status_code == 422
    assert complaint in page.text
    assert sent.get("description", "My words.") in page.text
    assert Identity.objects.count() == 1


@pytest.mark.requirement("R-22")
def test_a_name_is_one_s_own_only_once(as_, bob, alice, cook):
    other = Identity.objects.create(user=bob, name="Gardener", is_default=True)
    as_(alice).post(NEW, {"name": "Cook"})
    assert Identity.objects.filter(name="Cook").count() == 2

    page = as_(bob).post(f"{LIST}{other.pk}/edit/", {"name": "cook"})

    assert page.status_code == 422
    assert "Change Gardener" in page.text
    assert the_default(bob) == "Gardener"


def test_there_is_an_end_to_identities(as_, bob, cook, monkeypatch):
    monkeypatch.setattr(identities, "MOST_IDENTITIES", 1)

    page = as_(bob).post(NEW, {"name": "Gardener"})

    assert page.status_code == 422
    assert "room for 1 identities" in page.text


@pytest.mark.requirement("R-19")
def test_one_identity_at_most_is_the_default(as_, bob, alice, cook):
    Identity.objects.create(user=alice, name="Alice's", is_default=True)
    gardener = identities.create_identity(
        user=bob, name="Gardener", description="", is_public=False, is_default=True
    )

    for _ in range(2):
        as_(bob).post(f"{LIST}{cook.pk}/default/")
    assert the_default(bob) == "Cook"

    as_(bob).post(f"{LIST}{gardener.pk}/edit/", {"name": "G", "is_default": "on"})
    assert the_default(bob) == "G"
    assert the_default(alice) == "Alice's"


@pytest.mark.requirement("R-19", "C-10")
@pytest.mark.django_db(transaction=True)
def test_of_two_defaults_set_at_once_one_stays(bob):
    first, second = (
        Identity.objects.create(user=bob, name=name) for name in ("First", "Second")
    )
    with transaction.atomic():
        identities.make_default_identity(identity=first)
        other = start(lambda: identities.make_default_identity(identity=second))
        wait_until_blocked(other)

    other.result(60)

    assert the_default(bob) == "Second"


@pytest.mark.requirement("R-20", "R-21")
def test_others_identities_are_not_there(as_, alice, staff, cook):
    for member in (alice, staff):
        browser = as_(member)
        for page in ("", "edit/", "delete/"):
            assert browser.get(f"{LIST}{cook.pk}/{page}").status_code == 404
        for page in ("edit/", "delete/", "default/"):
            sent = browser.post(f"{LIST}{cook.pk}/{page}", {"name": "Mine"})
            assert sent.status_code == 404
        assert "Cook" not in browser.get(LIST).text
    cook.refresh_from_db()
    assert (cook.name, cook.is_default) == ("Cook", False)
    guest = Client().get(f"{LIST}{cook.pk}/")
    assert (guest.status_code, "/accounts/login/" in guest["Location"]) == (302, True)


def test_an_identity_is_deleted_after_a_question(as_, bob, cook):
    assert "Delete Cook?" in as_(bob).get(f"{LIST}{cook.pk}/delete/").text

    answer = as_(bob).post(f"{LIST}{cook.pk}/delete/")

    assert answer["Location"] == LIST
    assert Identity.objects.count() == 0
