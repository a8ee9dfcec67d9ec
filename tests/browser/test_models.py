"""Switching models in a browser."""

import pytest
from playwright.sync_api import expect

from llmconfig.models import LLMConfig
from personas.models import UserPersonaSettings
from tests.browser.conftest import measured_width, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def other(fake_config) -> LLMConfig:
    return LLMConfig.objects.create(
        name="Other model",
        model="vendor/other-model-with-a-long-name-2026",
        endpoint=fake_config.endpoint,
        is_global=True,
    )


@pytest.mark.requirement("Q-02", "Q-65")
def test_two_clicks_on_a_personas_page_change_the_model(page, web, bob, other):
    sign_in(page, bob, web)
    page.goto("/personas/maestro/")

    page.get_by_label("My model").select_option(
        label=f"Other model ({other.model} at Fake)"
    )
    page.get_by_role("button", name="Use it for me").click()

    expect(page.get_by_role("status").first).to_contain_text(
        f"Maestro is to answer you with Other model ({other.model})."
    )
    expect(page.locator("tr.won")).to_contain_text("your model for this persona")
    assert UserPersonaSettings.objects.get().config == other


@pytest.mark.requirement("Q-02", "Q-36")
def test_the_model_is_changed_and_reset_without_javascript(plain_page, web, bob, other):
    sign_in(plain_page, bob, web)
    plain_page.goto("/personas/maestro/")
    plain_page.get_by_role("link", name="Which model answers you").click()
    plain_page.get_by_label("My model").select_option(value=str(other.pk))
    plain_page.get_by_role("button", name="Use it for me").click()
    assert UserPersonaSettings.objects.get().config == other

    plain_page.get_by_role("button", name="Reset").click()

    expect(plain_page.locator(".messages")).to_contain_text(
        "Now Fake model answers you"
    )
    assert UserPersonaSettings.objects.get().config is None


@pytest.mark.requirement("Q-01", "Q-62")
def test_staff_move_everybody_in_a_minute_and_back_by_one_click(
    page, web, staff, other, fake_config
):
    sign_in(page, staff, web)
    page.goto("/settings/endpoints/")
    page.get_by_role("link", name="Answer with another instead of Fake").click()
    page.get_by_label("Only this model of it").fill("fake-1")
    page.get_by_label("Answer with", exact=True).select_option(value=str(other.pk))
    page.get_by_label("Why").fill("It refuses everybody.")
    page.get_by_role("button", name="See what changes").click()
    page.get_by_role("button", name="Redirect").click()
    expect(page.locator(".redirect")).to_contain_text("Other model answers instead")

    page.goto("/queue/")
    page.get_by_role("button", name="Undo").click()

    expect(page.locator(".redirect")).to_have_count(0)


@pytest.mark.parametrize("width", [360, 1280])
def test_the_pages_fit_the_screen(page, web, staff, other, fake_config, width):
    sign_in(page, staff, web)
    page.set_viewport_size({"width": width, "height": 800})

    for address in (
        "/settings/models/",
        "/personas/maestro/model/",
        "/settings/endpoints/redirects/",
        "/settings/endpoints/redirects/new/",
    ):
        page.goto(address)
        found, most = measured_width(page)
        assert found <= most, address
