"""Addresses that only forms send to, opened as a page is."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_an_address_of_a_form_that_is_opened_says_so(client: Client, alice):
    client.force_login(alice)

    answer = client.get("/notices/see/")

    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "takes only what a form sends" in answer.text
    assert "@alice" in answer.text
    assert answer["Cache-Control"] == "private, no-store"


def test_a_guest_reads_the_same_and_gets_no_session(client: Client):
    answer = client.get("/notices/see/")

    assert "takes only what a form sends" in answer.text
    assert not answer.cookies
