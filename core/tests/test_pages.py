"""What every page has in common: its head, and what is said when something fails."""

import pytest
from django.template.loader import render_to_string
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.fault("A-XSS-3")
def test_pages_forbid_foreign_and_inline_scripts(client, topic):
    for address in ("/", "/s/kitchen/", topic.get_absolute_url(), "/accounts/login/"):
        answer = client.get(address)
        policy = answer["Content-Security-Policy"]
        page = answer.content.decode()

        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert " style=" not in page
        assert "onclick" not in page
        assert "<script>" not in page


def test_a_page_that_does_not_exist_is_in_our_look(client, db):
    page = client.get("/no/such/page/")

    assert page.status_code == 404
    assert "There is nothing here" in page.content.decode()


@pytest.mark.parametrize(
    "area",
    ["settings", "admin", "queue", "asks", "notices", "posts", "s/*/who", "t/*/who"],
)
def test_search_engines_are_told_what_is_not_for_them(client, area):
    answer = client.get("/robots.txt")

    assert answer["Content-Type"] == "text/plain"
    assert "User-agent: *\n" in answer.content.decode()
    assert f"Disallow: /{area}/\n" in answer.content.decode()


def test_the_icon_is_found_where_browsers_guess_it(client):
    answer = client.get("/favicon.ico")

    assert (answer.status_code, answer["Location"]) == (302, "/static/icon.svg")


def test_the_head_leads_to_ones_own_page(client, alice):
    client.force_login(alice)

    assert (
        '<a class="own" href="/u/alice/">@alice</a>' in client.get("/").content.decode()
    )


def test_a_form_of_another_visit_is_explained(topic, alice):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)

    page = browser.post("/settings/", {"display_name": "x"})

    assert page.status_code == 403
    assert "Please try again" in page.content.decode()


def test_our_own_fault_is_said_without_any_context(client, db):
    client.raise_request_exception = False

    assert "Something broke" in render_to_string("500.html")
    assert "may not open" in render_to_string("403.html")
    assert "not understood" in render_to_string("400.html")
