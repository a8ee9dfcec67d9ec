"""The preview and the test bench of a persona, in a browser."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from forum.models import Post
from llmconfig.models import LLMConfig
from personas.services import drafts
from tests.browser.conftest import measured_width, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def other_config(fake_config: LLMConfig) -> LLMConfig:
    return LLMConfig.objects.create(
        name="Other model",
        model="fake-2",
        endpoint=fake_config.endpoint,
        is_global=True,
        max_tokens=500,
    )


@pytest.fixture
def sketch(alice: User):
    """A persona of alice's that nobody has met yet."""
    draft = drafts.create_persona(creator=alice, name="Old Cook", handle="cook")
    return drafts.save_draft(
        draft=draft,
        role="a cook who has seen every soup",
        voice="Short, dry, warm underneath.",
        knowledge=["bones", "beans"],
        constraints=["Never hurry anybody."],
    )


@pytest.mark.requirement("F-32", "M-78")
def test_a_draft_is_previewed_and_tried_with_two_models(
    page: Page, sketch, question: Post, alice, other_config, start_worker, fake_llm, web
):
    fake_llm.gate.clear()
    fake_llm.answers(
        "Two hours, on a *low* flame. " * 9, model="fake-1", chunks=9, held_after=2
    )
    fake_llm.answers(status=401, model="fake-2")
    sign_in(page, alice, web)
    page.goto("/personas/cook/")

    page.get_by_role("link", name="Preview").click()
    page.get_by_label("Asked by which post").select_option(index=1)
    page.get_by_role("button", name="Show the prompt").click()
    expect(page.locator("#prompt")).to_contain_text("How long does it simmer?")
    page.get_by_role("link", name="Try it").click()
    page.get_by_label("Asked by which post").select_option(index=1)
    page.get_by_label("Fake model").check()
    page.get_by_label("Other model").check()
    page.get_by_role("button", name="See what it will cost").click()
    expect(page.get_by_text("Nothing has been sent yet.")).to_be_visible()
    page.get_by_role("button", name="Try it with 2 models").click()
    expect(page.locator(".run .status").first).to_contain_text("Waiting")
    start_worker()

    expect(page.locator(".run .words").first).to_contain_text("Two")
    fake_llm.gate.set()
    expect(page.locator(".run.complete .prose em").first).to_have_text("low")
    expect(page.locator(".run.error .reason")).to_be_visible()
    page.set_viewport_size({"width": 360, "height": 800})
    document, window = measured_width(page)
    assert document <= window


@pytest.mark.requirement("F-32")
def test_the_bench_works_without_javascript(
    plain_page: Page, sketch, question: Post, alice, other_config, fake_llm, web
):
    sign_in(plain_page, alice, web)

    plain_page.goto("/personas/cook/preview/")
    plain_page.get_by_label("Or the address").fill(question.get_absolute_url())
    plain_page.get_by_role("button", name="Show the prompt").click()
    expect(plain_page.locator("#prompt")).to_contain_text("How long does it simmer?")
    plain_page.get_by_role("link", name="Try it").click()
    plain_page.get_by_label("Fake model").check()
    plain_page.get_by_role("button", name="See what it will cost").click()
    plain_page.get_by_role("button", name="Change").click()
    plain_page.get_by_role("button", name="See what it will cost").click()
    plain_page.get_by_role("button", name="Try it with 1 model").click()
    plain_page.get_by_role("button", name="Cancel").click()

    expect(plain_page.locator(".run .status")).to_contain_text("Cancelled by @alice.")
