"""The queue in plain sight: it changes under the reader's eyes, and takes their orders."""

import re

import pytest
from playwright.sync_api import Page, expect

from forum.models import Post
from forum.services import asks
from llmqueue.models import LLMRequest, Status
from llmqueue.work import runner
from tests.browser.conftest import measured_width, sign_in
from tests.conftest import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.requirement("F-48", "C-07")
def test_the_list_follows_a_request_without_a_reload(
    page: Page, question: Post, bob, web, start_worker, fake_llm
):
    fake_llm.gate.clear()
    fake_llm.always_answers("Two hours.")
    request = asks.ask(post=question, member=bob).request
    page.goto("/queue/")
    row = page.locator(f"#request-{request.public_id}")
    expect(row).to_contain_text("Will answer as Companion v1 with Fake model")

    start_worker()

    expect(row).to_contain_text("Is answering as")
    fake_llm.gate.set()
    expect(row).to_contain_text("Answered as Companion v1")
    expect(page.locator(".standing")).to_contain_text("Done")


@pytest.mark.requirement("F-13")
def test_the_page_of_a_request_shows_its_prompt_once_it_has_ended(
    page: Page, question: Post, bob, web, fake_llm
):
    fake_llm.always_answers("Two hours.")
    request = asks.ask(post=question, member=bob).request
    page.goto(request.get_absolute_url())
    expect(page.locator("h1")).to_have_text("How this request stands")

    runner.run_next()

    main = page.locator("main")
    expect(main).to_contain_text("The prompt as it was sent")
    expect(page.locator("h1")).to_have_text("What answered, and why")


@pytest.mark.fault("F58")
def test_a_running_request_is_cancelled_from_its_page(
    page: Page, question: Post, bob, web, start_worker, fake_llm
):
    start_worker()
    fake_llm.always_answers("Never seen.", first_delay=30)
    request = asks.ask(post=question, member=bob).request
    fake_llm.wait_for(1)
    sign_in(page, bob, web)
    page.goto(request.get_absolute_url())
    expect(page.locator(".request")).to_contain_text("Is answering as")

    page.get_by_role("button", name="Cancel").click()

    expect(page.locator(".request .state")).to_have_text("Cancelled")
    expect(page.locator(".request")).to_contain_text("Cancelled by @bob.")
    page.get_by_role("button", name="Ask again").click()
    expect(page.locator("main")).to_contain_text("asked again for")
    wait_until(lambda: LLMRequest.objects.get(pk=request.pk).status == Status.CANCELLED)


def test_a_notice_waits_in_the_header_until_it_is_read(
    page: Page, question: Post, bob, web, start_worker, fake_llm
):
    start_worker()
    fake_llm.always_answers("Two hours.")
    asks.ask(post=question, member=bob)
    wait_until(lambda: not LLMRequest.objects.unfinished().exists())
    sign_in(page, bob, web)
    page.goto("/")
    page.get_by_role("link", name=re.compile("Notices 1")).click()

    page.get_by_role("link", name=re.compile("Companion answered")).click()

    expect(page.locator("article.post.persona")).to_contain_text("Two hours.")
    page.goto("/")
    expect(page.locator("#notices")).to_have_text("Notices")


@pytest.mark.requirement("C-17")
def test_without_javascript_the_pages_say_the_same(
    plain_page: Page, question: Post, bob, web, start_worker, fake_llm
):
    page = plain_page
    fake_llm.always_answers("Two hours.")
    start_worker()
    request = asks.ask(post=question, member=bob).request
    wait_until(lambda: not LLMRequest.objects.unfinished().exists())
    sign_in(page, bob, web)
    page.goto("/queue/?member=bob&status=complete")
    expect(page.locator("main")).to_contain_text("Answered as Companion v1")
    page.get_by_role("link", name="Receipt and prompt").first.click()

    expect(page.locator("main")).to_contain_text("The prompt as it was sent")
    expect(page).to_have_url(re.compile(str(request.public_id)))


@pytest.mark.parametrize("width", [360, 1280, 1600])
def test_no_page_is_wider_than_the_window(
    page: Page, question: Post, bob, web, start_worker, fake_llm, width
):
    start_worker()
    fake_llm.always_answers("Two hours. " * 50)
    request = asks.ask(post=question, member=bob).request
    wait_until(lambda: not LLMRequest.objects.unfinished().exists())
    sign_in(page, bob, web)
    page.set_viewport_size({"width": width, "height": 800})
    topic = question.topic.get_absolute_url()
    for address in (
        "/queue/",
        "/queue/?persona=nobody",
        request.get_absolute_url(),
        "/notices/",
        f"{topic}who/",
    ):
        page.goto(address)
        whole, window = measured_width(page)
        assert whole <= window, address
