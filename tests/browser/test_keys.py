"""A member brings a key of their own, on a narrow and on a wide screen."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from llmconfig.models import ApiKey, Endpoint, LLMConfig, OpenTo
from tests.browser.conftest import measured_width, sign_in
from tests.own_keys import OWN_KEY

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.requirement("R-68", "R-69", "R-70", "R-71", "M-20")
@pytest.mark.parametrize("width", [360, 1280])
def test_a_key_is_added_tested_and_removed(
    page: Page, bob: User, fake_config: LLMConfig, fake_llm, web: str, width: int
):
    fake_llm.key = OWN_KEY
    Endpoint.objects.update(open_to=OpenTo.NOBODY)  # so that keys are of use there
    Endpoint.objects.create(name="OpenAI", provider="openai", position=1)
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, bob, web)
    page.goto("/settings/keys/")
    assert measured_width(page)[0] <= width
    page.get_by_role("link", name="Add a key for Fake").click()

    expect(page.get_by_label("Key", exact=True)).to_have_attribute("type", "password")
    page.get_by_label("Key", exact=True).fill(OWN_KEY)
    page.get_by_label("Nickname").fill("from work")
    assert measured_width(page)[0] <= width
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("ends in r-77 (from work)")).to_be_visible()
    assert OWN_KEY not in page.content()
    assert measured_width(page)[0] <= width
    page.get_by_role("button", name="Test the key for Fake").click()
    expect(page.get_by_role("status").first).to_contain_text("takes the key")

    page.get_by_role("link", name="Remove the key for Fake").click()
    assert measured_width(page)[0] <= width
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Your key for Fake is removed.")).to_be_visible()
    assert not ApiKey.objects.exists()
    fake_llm.key = ""
