"""The pages of personas in a browser: they fit, can be used by all, and need no script."""

import pytest
from playwright.sync_api import Page, expect

from forum.models import Post
from personas.models import Persona
from personas.services import drafts, versions
from tests.browser.axe import barriers
from tests.browser.conftest import measured_width, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def baker(alice, make_persona) -> Persona:
    """Two versions of a persona with every field filled."""
    baker = make_persona(
        "baker",
        owner=alice,
        role="a friend of bread",
        voice="Warm and slow.",
        knowledge=["Rye", "Salt"],
        sample_queries=[{"query": "How long does dough rest?", "answer": "A day."}],
        tags=["character", "bread"],
    )
    draft = drafts.draft_of(persona=baker, editor=alice)
    drafts.save_draft(draft=draft, voice="Warm and quick.", knowledge=["Rye"])
    versions.publish(draft=draft, note="Quicker.")
    baker.refresh_from_db()
    return baker


@pytest.mark.requirement("F-37")
@pytest.mark.parametrize("width", [360, 1600])
def test_pages_of_personas_fit_and_axe_finds_nothing(
    page: Page, baker, question: Post, alice, web, width
):
    page.set_viewport_size({"width": width, "height": 800})
    sign_in(page, alice, web)
    address = baker.get_absolute_url()
    for path in (
        "/personas/",
        "/personas/?q=nobody",
        address,
        f"{address}versions/",
        f"{address}versions/1/",
        f"{address}versions/1/posts/",
        f"{address}versions/1/revert/",
        f"{address}diff/",
        f"{address}delete/",
    ):
        page.goto(path)
        document, window = measured_width(page)
        assert document <= window, path
        assert barriers(page) == []


@pytest.mark.requirement("F-45", "M-64", "R-49")
def test_compare_go_back_and_ask_without_javascript(
    plain_page: Page, baker, question: Post, alice, web
):
    page = plain_page
    sign_in(page, alice, web)
    page.goto("/personas/")
    page.get_by_label("Name, role or tag").fill("bread")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Baker").click()
    page.get_by_role("link", name="Versions").click()
    page.get_by_role("link", name="What changed").click()
    expect(page.locator("ins")).to_contain_text("quick.")
    expect(page.locator("del").first).to_contain_text("slow.")
    page.get_by_role("link", name="version 1", exact=True).click()
    page.get_by_role("link", name="Go back to it").click()
    page.get_by_role("button", name="Go back").click()
    expect(page.locator("main")).to_contain_text("Version 3 is what answers now.")

    page.get_by_role("link", name="Overview").click()
    page.get_by_role("link", name="How long does dough rest?").click()

    expect(page.get_by_label("Text")).to_have_value("How long does dough rest?")


@pytest.mark.requirement("F-37")
@pytest.mark.parametrize("width", [360, 1280])
def test_tabs_are_a_line_each_and_the_page_opens_at_its_top(
    page: Page, baker, staff, web, width
):
    page.set_viewport_size({"width": width, "height": 400})
    for member, address in (
        (staff, "/settings/audit/"),
        (baker.created_by, "/personas/baker/people/"),
    ):
        sign_in(page, member, web)

        page.goto(address)

        rows = page.locator(".tabs")
        expect(rows).to_have_count(2)
        for box in (rows.nth(0).bounding_box(), rows.nth(1).bounding_box()):
            assert box
            assert box["height"] < 45
        expect(page.locator(".tabs [aria-current]")).to_be_in_viewport(ratio=1)
        assert page.evaluate("scrollY") == 0
