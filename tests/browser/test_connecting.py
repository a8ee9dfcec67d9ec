"""Connecting a model, as a site's owner does on the first evening."""

import pytest
from playwright.sync_api import Page, expect

from llmconfig.models import LLMConfig
from tests.browser.conftest import measured_width, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

KEY = "sk-canary-typed-in-a-browser"


def fill(page: Page, fake_llm) -> None:
    page.goto("/settings/endpoints/new/")
    page.get_by_role("radio", name="OpenAI-compatible").check()
    page.get_by_label("Address", exact=True).fill(fake_llm.address)
    page.get_by_label("Key", exact=True).fill(KEY)
    page.get_by_role("button", name="Ask for its models").click()
    expect(page.get_by_text("The field offers 3 models")).to_be_visible()


@pytest.mark.requirement("M-20", "Q-62")
def test_a_failed_test_keeps_all_that_was_typed(page: Page, staff, web, fake_llm):
    sign_in(page, staff, web)
    fill(page, fake_llm)
    page.get_by_label("Model", exact=True).fill("nope")
    page.get_by_role("button", name="Test and connect").click()

    expect(page.get_by_text("There is no model nope at this address")).to_be_visible()
    expect(page.get_by_label("Key", exact=True)).to_have_value(KEY)
    page.set_viewport_size({"width": 360, "height": 800})
    width, room = measured_width(page)
    assert width <= room
    page.get_by_label("Model", exact=True).fill("smollm2")
    page.get_by_role("button", name="Test and connect").click()

    expect(page.get_by_text("is connected. It works")).to_be_visible()
    assert LLMConfig.objects.get(is_default=True).model == "smollm2"


def test_it_works_without_javascript(plain_page: Page, staff, web, fake_llm):
    page = plain_page
    sign_in(page, staff, web)
    fill(page, fake_llm)
    expect(page.get_by_label("Key", exact=True)).to_have_value("")
    expect(page.get_by_text("Enter the key once more")).to_be_visible()
    page.get_by_label("Key", exact=True).fill(KEY)
    page.get_by_label("Model", exact=True).fill("smollm2")
    page.get_by_role("button", name="Test and connect").click()

    expect(page.get_by_text("is connected. It works")).to_be_visible()
