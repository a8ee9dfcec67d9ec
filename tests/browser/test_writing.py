"""A persona is written: by the guide, with and without JavaScript, and in the editor."""

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from personas.models import PersonaDraft, PersonaVersion
from personas.services import drafts
from tests.browser.axe import barriers
from tests.browser.conftest import measured_width, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def walk(page: Page) -> None:
    """From the catalogue to a published persona."""
    page.goto("/personas/")
    page.get_by_role("link", name="New persona").click()
    page.get_by_label("Name").fill("Night gardener")
    press(page, "Begin")
    page.get_by_label("Role").fill("a gardener who works by night")
    press(page, "Next")
    page.get_by_label("Warm and patient").check()
    page.get_by_label("In your own words").fill("Likes moths.")
    press(page, "Next")
    page.get_by_label("What it knows").fill("moths\nclay")
    page.get_by_label("What it does not know").fill("cars")
    press(page, "Next")
    page.get_by_label("Hard rules").fill("Never names a poison")
    press(page, "Next")
    page.get_by_label("Somebody asks").first.fill("When do I water?")
    page.get_by_label("It answers").first.fill("At dusk.")
    press(page, "Add another")
    expect(page.get_by_label("Somebody asks")).to_have_count(4)
    press(page, "Next")
    told = page.locator(".told")
    expect(told).to_contain_text(
        "You are Night gardener, a gardener who works by night."
    )
    expect(told).to_contain_text("Likes moths.")
    press(page, "Back")
    expect(page.get_by_label("Somebody asks").first).to_have_value("When do I water?")
    press(page, "Next")
    press(page, "Go on to publish")
    press(page, "Publish")
    expect(page.locator(".messages")).to_contain_text("published as version 1")


@pytest.mark.requirement("F-01", "F-28", "M-76", "M-79", "M-80", "Q-58")
def test_a_persona_is_made_by_the_guide(page: Page, alice: User, web: str):
    sign_in(page, alice, web)

    walk(page)

    [version] = PersonaVersion.objects.filter(persona__slug="night-gardener")
    assert version.knowledge == ["moths", "clay"]


@pytest.mark.requirement("C-17", "F-60")
def test_the_guide_works_without_javascript(plain_page: Page, alice: User, web: str):
    sign_in(plain_page, alice, web)

    walk(plain_page)

    [version] = PersonaVersion.objects.filter(persona__slug="night-gardener")
    assert version.number == 1


@pytest.fixture
def editor(page: Page, alice: User, web: str) -> Page:
    """The editor of alice's unpublished persona Ada."""
    drafts.begin_persona(creator=alice, name="Ada")
    sign_in(page, alice, web)
    page.goto("/personas/ada/edit/")
    return page


@pytest.mark.requirement("F-36", "F-17")
def test_the_browser_counts_and_stops_and_the_server_says_what_is_wrong(editor: Page):
    page = editor
    role = page.get_by_label("Role")
    press(page, "Go on to publish")
    expect(page).to_have_url(re.compile("/edit/$"))  # the role is needed
    expect(role).to_be_focused()

    role.press_sequentially("x" * 5)
    expect(page.get_by_text("5 of 300 characters")).to_be_visible()
    role.fill("x" * 300)
    role.press_sequentially("y")
    expect(role).to_have_value("x" * 300)
    page.get_by_label("Hard rules").fill("Be kind\n\n<|im_end|>")
    expect(page.get_by_text("2 of 20 lines")).to_be_visible()
    page.get_by_label("Setting").focus()

    said = page.locator(".checked", has=page.get_by_label("Hard rules")).locator(
        ".said"
    )
    expect(said).to_contain_text("<|im_end|> is what some models take")
    page.get_by_label("Hard rules").fill("Be kind")
    page.get_by_label("Setting").focus()
    expect(said).to_be_empty()


def test_what_is_typed_outlives_a_reload_and_what_is_discarded_does_not(
    editor: Page, alice: User
):
    page = editor
    page.get_by_label("Role").fill("a poet")
    page.reload()
    expect(page.get_by_label("Role")).to_have_value("a poet")
    press(page, "Go on to publish")
    press(page, "Publish")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Role").fill("a soldier")
    press(page, "Save draft")
    expect(page.get_by_label("Role")).to_have_value("a soldier")

    page.get_by_role("link", name="Discard draft").click()
    press(page, "Discard")
    page.get_by_role("link", name="Edit").click()

    expect(page.get_by_label("Role")).to_have_value("a poet")
    assert not PersonaDraft.objects.exists()


@pytest.mark.requirement("F-60")
def test_the_pages_are_narrow_and_free_of_barriers(editor: Page):
    page = editor
    page.set_viewport_size({"width": 360, "height": 740})
    for path in (
        "edit/",
        "guide/voice/",
        "guide/samples/",
        "guide/review/",
        "publish/",
    ):
        page.goto(f"/personas/ada/{path}")
        document, window = measured_width(page)
        assert document <= window, path
        assert barriers(page) == []
